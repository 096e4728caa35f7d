"""The S3 server over the seeded tree, read-only and as an ordinary user, asked without any signature."""

import hashlib
import json
import os
import stat
import urllib.error
import urllib.request

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from z2jh_archive import BUCKET, INDEX_KEY, seed, sources

pytestmark = pytest.mark.binary
CANDELS = sources.SOURCES[0]


@pytest.fixture(scope="module")
def served(tree, versitygw):
    with seed.serving(tree, versitygw, readonly="true", keep_alive="true") as (url, account):
        yield url, account


@pytest.fixture
def client(served):
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    return boto3.client("s3", endpoint_url=served[0], region_name="us-east-1", config=config)


@pytest.fixture
def owner(served):
    url, account = served
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=account["ROOT_ACCESS_KEY_ID"],
        aws_secret_access_key=account["ROOT_SECRET_ACCESS_KEY"],
    )


def test_the_index_tells_the_truth_about_every_object(client):
    index = json.load(client.get_object(Bucket=BUCKET, Key=INDEX_KEY)["Body"])["objects"]
    listed = {
        entry["Key"]: entry
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 3})
        for entry in page["Contents"]
    }
    assert set(listed) == {entry["key"] for entry in index} | {INDEX_KEY}
    for entry in index:
        reply = client.get_object(Bucket=BUCKET, Key=entry["key"])
        content = reply["Body"].read()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert len(content) == entry["size"] == listed[entry["key"]]["Size"]
        assert reply["ETag"].strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert reply["ContentType"] == "application/fits"


def test_ranges(client):
    whole = sources.read(CANDELS)
    reply = client.get_object(Bucket=BUCKET, Key=CANDELS.key, Range="bytes=2880-5759")
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert reply["Body"].read() == whole[2880:5760]
    assert client.get_object(Bucket=BUCKET, Key=CANDELS.key, Range="bytes=-80")["Body"].read() == whole[-80:]
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=BUCKET, Key=CANDELS.key, Range="bytes=9999999-")
    assert caught.value.response["Error"]["Code"] == "InvalidRange"


def test_head_and_a_missing_key(client):
    assert client.head_object(Bucket=BUCKET, Key=CANDELS.key)["ContentLength"] == 167040
    with pytest.raises(ClientError) as caught:
        client.head_object(Bucket=BUCKET, Key="hst/public/absent.fits")
    assert caught.value.response["Error"]["Code"] == "404"


REFUSED = {
    "put": lambda s3: s3.put_object(Bucket=BUCKET, Key="mine", Body=b"x"),
    "overwrite": lambda s3: s3.put_object(Bucket=BUCKET, Key=CANDELS.key, Body=b"x"),
    "copy": lambda s3: s3.copy_object(Bucket=BUCKET, Key="mine", CopySource={"Bucket": BUCKET, "Key": CANDELS.key}),
    "delete": lambda s3: s3.delete_object(Bucket=BUCKET, Key=CANDELS.key),
    "delete many": lambda s3: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": CANDELS.key}]}),
    "multipart": lambda s3: s3.create_multipart_upload(Bucket=BUCKET, Key="mine"),
    "tagging": lambda s3: s3.put_object_tagging(
        Bucket=BUCKET, Key=CANDELS.key, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
    ),
    "policy": lambda s3: s3.put_bucket_policy(Bucket=BUCKET, Policy="{}"),
    "delete policy": lambda s3: s3.delete_bucket_policy(Bucket=BUCKET),
    "acl": lambda s3: s3.put_bucket_acl(Bucket=BUCKET, ACL="public-read-write"),
    "create bucket": lambda s3: s3.create_bucket(Bucket="another-bucket"),
    "delete bucket": lambda s3: s3.delete_bucket(Bucket=BUCKET),
}


@pytest.mark.parametrize("action", REFUSED)
def test_anonymous_changes_are_refused(client, tree, action):
    with pytest.raises(ClientError) as caught:
        REFUSED[action](client)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 405)
    assert (tree / "data" / BUCKET / CANDELS.key).read_bytes() == sources.read(CANDELS)


def test_anonymous_list_of_buckets_is_refused(client):
    with pytest.raises(ClientError) as caught:
        client.list_buckets()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("action", ["put", "delete", "create bucket", "delete policy"])
def test_even_the_owner_cannot_write(owner, action):
    with pytest.raises(ClientError) as caught:
        REFUSED[action](owner)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 405)


@pytest.mark.parametrize("path", ["stpubdata/..%2f..%2fetc/passwd", "stpubdata/%2e%2e/%2e%2e/etc/passwd", "..%2fside"])
def test_no_way_out_of_the_tree(served, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{served[0]}/{path}", timeout=10)
    assert caught.value.code in (400, 403, 404)


def test_the_server_answers_health(served):
    with urllib.request.urlopen(served[0] + "/healthz", timeout=10) as reply:
        assert reply.status == 200


def test_the_tree_can_be_read_by_all_and_written_by_none(tree):
    for path in (tree / "data", tree / "side", *tree.glob("*/**/*")):
        mode = path.stat().st_mode
        assert not mode & (stat.S_IWGRP | stat.S_IWOTH), path
        assert mode & stat.S_IROTH, path
        assert path.parent.name == tree.name or not mode & stat.S_IWUSR, path


@pytest.fixture
def as_user_1000(tree, versitygw):
    """A program that runs versitygw as the pod does: as user 1000, not as the one who made the tree."""
    if os.getuid() != 0:
        return versitygw
    for folder in (tree, *tree.parents):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    program = tree.parent / "versitygw-as-user-1000"
    program.write_text(f'#!/bin/sh\nexec setpriv --reuid 1000 --regid 1000 --clear-groups {versitygw} "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_an_ordinary_user_can_serve_it(tree, as_user_1000):
    with seed.serving(tree, as_user_1000, readonly="true") as (url, _):
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config)
        assert client.get_object(Bucket=BUCKET, Key=CANDELS.key)["ContentLength"] == 167040
        with pytest.raises(ClientError):
            client.put_object(Bucket=BUCKET, Key="mine", Body=b"x")
