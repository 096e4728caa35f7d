#!/usr/bin/python
"""Ask a container registry which of many images it has, in one go."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import Request

DOCUMENTATION = """
module: registry_digests
short_description: Digests of images in a container registry
version_added: "1.0"
author: z2jh
description:
  - Asks a registry for the manifests of many images in one process; the module uri would take one each.
options:
  api:
    description: Address that image names are appended to.
    type: str
    required: true
  images:
    description: References as NAME:TAG.
    type: list
    elements: str
    required: true
  ca_file:
    description: Certificate of the CA that signed the registry's; else one that this machine trusts.
    type: path
  certificate:
    description: Client certificate, for a registry that asks for one.
    type: path
  key:
    description: Its key.
    type: path
  username:
    description: Account, for a registry that asks for one, by itself or by the service of tokens that it names.
    type: str
  password:
    description: Its password.
    type: str
attributes:
  check_mode: {support: full, description: It only reads.}
"""

RETURN = """
digests:
  description: Digest of every image that the registry has, by NAME:TAG.
  type: dict
  returned: always
"""

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def challenge(header: str) -> dict[str, str]:
    """Return what a registry says of its service of tokens (header WWW-Authenticate); nothing if it has none."""
    scheme, _, parameters = header.partition(" ")
    return dict(re.findall(r'(\w+)="([^"]*)"', parameters)) if scheme.lower() == "bearer" else {}


def token(request: Request, asked: dict[str, str], account: dict[str, Any]) -> str:
    """Ask a registry's service of tokens for one."""
    query = urlencode([(key, asked[key]) for key in ("service", "scope") if key in asked])
    answer = json.load(request.open("GET", f"{asked['realm']}?{query}", **account))
    return str(answer.get("token") or answer["access_token"])


def digest(request: Request, api: str, image: str, account: dict[str, Any]) -> str | None:
    """Return the digest of an image, or nothing if the registry does not have it."""
    name, tag = image.rsplit(":", 1)
    url = f"{api}/{name}/manifests/{tag}"
    try:
        try:
            answer = request.open("HEAD", url, **account)
        except HTTPError as error:
            asked = challenge(error.headers.get("WWW-Authenticate") or "")
            if error.code != HTTPStatus.UNAUTHORIZED or not asked:
                raise
            # Given headers take the place of the request's own.
            headers = {"Accept": MANIFEST, "Authorization": f"Bearer {token(request, asked, account)}"}
            answer = request.open("HEAD", url, headers=headers)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    found: str = answer.headers["Docker-Content-Digest"]
    return found


def main() -> None:
    """Run the module."""
    text: dict[str, Any] = {"type": "str", "required": True}
    path: dict[str, Any] = {"type": "path"}
    images: dict[str, Any] = {"type": "list", "elements": "str", "required": True}
    files = {"ca_file": path, "certificate": path, "key": path}
    account = {"username": {"type": "str"}, "password": {"type": "str", "no_log": True}}
    module = AnsibleModule(
        argument_spec={"api": text, "images": images, **files, **account},
        required_together=[("certificate", "key"), ("username", "password")],
        supports_check_mode=True,
    )
    given = module.params
    sent: dict[str, Any] = {}
    if given["username"]:
        sent = {"url_username": given["username"], "url_password": given["password"], "force_basic_auth": True}
    request = Request(
        headers={"Accept": MANIFEST},
        timeout=30,
        ca_path=given["ca_file"],
        client_cert=given["certificate"],
        client_key=given["key"],
    )
    try:
        found = {image: digest(request, given["api"], image, sent) for image in given["images"]}
    except (URLError, OSError) as error:
        module.fail_json(msg=f"The registry at {given['api']} does not answer as it should: {error}")
    module.exit_json(changed=False, digests={image: value for image, value in found.items() if value})


if __name__ == "__main__":
    main()
