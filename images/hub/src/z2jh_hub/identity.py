"""Who somebody is: the number of their GitHub account, as a login can be renamed and then be taken by anybody."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from sqlalchemy import BigInteger, Column, Unicode


class Identity(orm.Base):  # type: ignore[misc, unused-ignore]
    """The hub's name for a GitHub account: its login when it first signed in, whatever the login becomes.

    JupyterHub makes the table at its start. A row outlives the user, so that nobody else gets a name which may still
    have a home.
    """

    __tablename__ = "github_identities"

    github_id = Column(BigInteger, primary_key=True, autoincrement=False)
    name = Column(Unicode(255), unique=True, nullable=False)


def known_name(db: Any, github_id: int) -> str | None:
    """Return the hub's name for an account, if it has one."""
    identity = db.get(Identity, github_id)
    return str(identity.name) if identity else None


def is_bound(db: Any, name: str) -> bool:
    """Say whether a name belongs to an account."""
    return db.query(Identity).filter_by(name=name).first() is not None


def new_name(db: Any, github_id: int, login: str) -> str:
    """Return a name that nobody has for an account that has none: its login, or that and its number.

    No login holds a dot, so the second form is no other account's login.
    """
    taken = is_bound(db, login) or orm.User.find(db, login) is not None
    return f"{login}.{github_id}" if taken else login


def bind(db: Any, github_id: int, name: str) -> str | None:
    """Remember the name of an account unless it has one; return the one it has, or None if the name is another's."""
    known = known_name(db, github_id)
    if known is None and not is_bound(db, name):
        db.add(Identity(github_id=github_id, name=name))
        db.commit()
        known = name
    return known
