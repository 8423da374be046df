"""A store of files that runs: OpenStack Swift on this machine, asked by its S3 interface."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .processes import Started, wait_for

SERVERS = ("object", "container", "account")
KEY_ID, SECRET, BUCKET = "tests:tester", "testing", "files"
_COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
workers = 0
devices = {folder}/devices
mount_check = false
log_udp_host = 127.0.0.1
log_udp_port = 9
"""
_SERVER = "[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
_PROXY = f"""[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_tests_tester = {SECRET} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:catch_errors]
use = egg:swift#catch_errors
"""


def swift() -> bool:
    """Is it installed?"""
    return all(shutil.which(f"swift-{name}-server") for name in (*SERVERS, "proxy"))


@dataclass
class ObjectStore:
    """The running store, and a client of one's own to look into it and to change what is there."""

    endpoint: str
    client: Any

    def settings(self) -> dict[str, Any]:
        """What makes a portal use it."""
        return {
            "files_bucket": BUCKET,
            "files_endpoint": self.endpoint,
            "files_key_id": KEY_ID,
            "files_secret": SECRET,
        }

    def objects(self) -> dict[str, bytes]:
        """All objects of the bucket, by name."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {each["Key"]: self.read(each["Key"]) for each in found}

    def read(self, name: str) -> bytes:
        """One object."""
        return bytes(self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read())

    def write(self, name: str, body: bytes) -> None:
        """Put an object there, or another one in its place."""
        self.client.put_object(Bucket=BUCKET, Key=name, Body=body)

    def empty(self) -> None:
        """Remove all objects."""
        for name in self.objects():
            self.client.delete_object(Bucket=BUCKET, Key=name)


def free_port() -> int:
    """A port of this machine that nothing listens on: the store's servers must know each other's before they start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_store(start: Started, folder: Path) -> ObjectStore:
    """Run the store with an empty bucket."""
    ports = {name: free_port() for name in (*SERVERS, "proxy")}
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    for name, port in ports.items():
        common = _COMMON.format(port=port, user=getpass.getuser(), folder=folder)
        (folder / f"{name}.conf").write_text(common + (_PROXY if name == "proxy" else _SERVER.format(name=name)))
    for name in SERVERS:
        for words in (("create", "1", "1", "1"), ("add", f"r1z1-127.0.0.1:{ports[name]}/d1", "1"), ("rebalance",)):
            command = ["swift-ring-builder", f"{name}.builder", *words]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWIFT_DIR": str(folder)}
    for name, port in ports.items():
        program = shutil.which(f"swift-{name}-server") or name
        command = [program, str(folder / f"{name}.conf")]
        running = start(command, environment=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(partial(_listens, port), running, f"the {name} server of the store listens")
    endpoint = f"http://127.0.0.1:{ports['proxy']}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.create_bucket(Bucket=BUCKET)
    return ObjectStore(endpoint, client)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
