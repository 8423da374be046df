"""The examples under deploy/: read by the programs they are for, and true to the portal's own settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from hp_portal import cli
from hp_portal.settings import Settings
from tests.conftest import cannot_run
from tests.support.certificate import make_certificate
from tests.support.processes import PATIENCE

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("hp-portal-web.service", "hp-portal-worker.service")


def program(name: str, package: str) -> str:
    """Where a program of the system is; system administrators' folders are not on everybody's PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        cannot_run(f"{name} is not installed: apt-get install {package}")
    return found


def output(*command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    systemd = program("systemd-analyze", "systemd")
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        # systemd looks whether the program is there.
        (tmp_path / name).write_text(text.replace("/opt/hp_portal/bin/hp-portal", sys.executable), encoding="utf-8")
    assert output(systemd, "verify", *(str(tmp_path / name) for name in UNITS)) == (0, "")


def test_nginx_understands_its_example(tmp_path: Path) -> None:
    nginx = program("nginx", "nginx")
    certificate, key = make_certificate(tmp_path)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = site.replace("/etc/ssl/hp_portal/fullchain.pem", str(certificate))
    site = site.replace("/etc/ssl/hp_portal/privkey.pem", str(key))
    # nginx opens what it would listen on: sockets in a folder instead of ports, which may be taken.
    site = re.sub(r"^.*listen \[::\].*\n", "", site, flags=re.MULTILINE)
    site = re.sub(r"listen (\d+)", rf"listen unix:{tmp_path}/\1", site)
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy; "
        f"fastcgi_temp_path {tmp_path}/fastcgi; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi; "
        f"include {tmp_path}/site.conf; }}\n",
        encoding="utf-8",
    )
    code, said = output(nginx, "-t", "-c", str(main))
    assert code == 0, said
    assert "[warn]" not in said
    assert "[emerg]" not in said


def test_the_proxy_lets_through_what_the_portal_takes() -> None:
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert f"client_max_body_size {Settings.model_fields['max_upload_mb'].default}m;" in site
    assert set(re.findall(r"X-Forwarded-\w+", site)) == {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}


def test_the_proxy_speaks_todays_tls_and_leads_there() -> None:
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert re.findall(r"ssl_protocols (.+);", site) == ["TLSv1.2 TLSv1.3"]
    (suites,) = re.findall(r"ssl_ciphers (.+);", site)
    for suite in suites.split(":"):
        assert re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", suite)
    plain, _, by_tls = site.partition("listen 443 ssl")
    assert "return 301 https://" in plain
    assert "proxy_pass" not in plain
    assert "return 301" not in by_tls


def test_keys_are_read_from_a_file_of_roots_and_others_cannot_read_what_the_service_writes() -> None:
    for name in UNITS:
        unit = (DEPLOY / "systemd" / name).read_text(encoding="utf-8").splitlines()
        assert {"EnvironmentFile=/etc/hp_portal/environment", "UMask=0077", "StateDirectoryMode=0700"} <= set(unit)
        assert not any(line.startswith("Environment=") and "KEY" in line for line in unit)


def test_the_commands_are_ones_that_there_are() -> None:
    started = [
        re.findall(
            r"^ExecStart=/opt/hp_portal/bin/hp-portal (.+)$", (DEPLOY / "systemd" / name).read_text(), re.MULTILINE
        )
        for name in UNITS
    ]
    recipe = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    (program, *arguments) = json.loads(re.findall(r"^CMD (.+)$", recipe, re.MULTILINE)[0])
    assert program == "hp-portal"
    commands = [line.split() for (line,) in started] + [arguments]
    for command in commands:
        done = CliRunner().invoke(cli.cli, [*command, "--help"])
        assert done.exit_code == 0, done.output


def test_the_image_is_built_of_what_the_wheel_is_built_of() -> None:
    recipe = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, flags=re.MULTILINE)
        for source in line.split()
    }
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
    running = recipe.rpartition("FROM ")[2]
    assert "ca-certificates" in running, "without them nothing is sent by TLS"
    assert {source for source in copied if not (ROOT / source).exists()} == set()
