#!/usr/bin/python
"""Ask a container registry which of many images it has, in one go."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError

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
    description: Certificate of the CA that signed the registry's.
    type: path
    required: true
  certificate:
    description: Client certificate.
    type: path
    required: true
  key:
    description: Its key.
    type: path
    required: true
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


def digest(request: Request, api: str, image: str) -> str | None:
    """Return the digest of an image, or nothing if the registry does not have it."""
    name, tag = image.rsplit(":", 1)
    try:
        answer = request.open("HEAD", f"{api}/{name}/manifests/{tag}")
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    found: str = answer.headers["Docker-Content-Digest"]
    return found


def main() -> None:
    """Run the module."""
    text: dict[str, Any] = {"type": "str", "required": True}
    path: dict[str, Any] = {"type": "path", "required": True}
    images: dict[str, Any] = {"type": "list", "elements": "str", "required": True}
    module = AnsibleModule(
        argument_spec={"api": text, "images": images, "ca_file": path, "certificate": path, "key": path},
        supports_check_mode=True,
    )
    given = module.params
    request = Request(
        headers={"Accept": MANIFEST},
        timeout=30,
        ca_path=given["ca_file"],
        client_cert=given["certificate"],
        client_key=given["key"],
    )
    try:
        found = {image: digest(request, given["api"], image) for image in given["images"]}
    except (URLError, OSError) as error:
        module.fail_json(msg=f"The registry at {given['api']} does not answer as it should: {error}")
    module.exit_json(changed=False, digests={image: value for image, value in found.items() if value})


if __name__ == "__main__":
    main()
