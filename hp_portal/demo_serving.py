"""Runs the demo: the web server and a worker beside it until Ctrl-C, and says who can sign in and what to try."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from flask import Flask

from hp_portal import serving
from hp_portal.core.factors.demo import KEY, WITH_APP
from hp_portal.demo import HOST, PASSWORD, PAYER, seed
from hp_portal.demo_people import PEOPLE, STAFF
from hp_portal.demo_to_try import TO_TRY
from hp_portal.hookspecs import DemoCheck


def _organizations(person: dict[str, Any]) -> list[str]:
    return [person[name] for name in ("organization", "also") if name in person]


def describe(url: str, checks: list[DemoCheck]) -> dict[str, Any]:
    """Address, who can sign in, payments worth trying and what else to try, for scripts."""
    people = [
        {
            "role": person.role,
            "username": person.username,
            "password": PASSWORD,
            "organization": person.organization,
            **({"also": person.also} if person.also else {}),
            **({"authenticator_key": KEY} if person.username == WITH_APP else {}),
        }
        for person in PEOPLE
    ]
    people += [
        {"role": role, "username": username, "password": PASSWORD, "organization": PAYER["name"]}
        for role, username, _ in STAFF
    ]
    to_try = [{"username": username, "url": url + path, "what": what} for username, path, what in TO_TRY]
    return {"url": url, "people": people, "checks": [asdict(check) for check in checks], "to_try": to_try}


def run(app: Flask, *, port: int, seed_only: bool, as_json: bool) -> None:
    """Seed, then serve with a worker beside until Ctrl-C."""
    checks = seed(app)
    if port == 0 or not (seed_only or serving.is_free(HOST, port)):
        port = serving.free_port(HOST)
    description = describe(f"http://{HOST}:{port}", checks)
    if seed_only:
        click.echo(json.dumps(description) if as_json else _as_text(description, _NOT_RUNNING))
        return
    command = [sys.executable, "-m", "hp_portal"]
    # Links in messages lead to this demo, whatever its port.
    variables = os.environ | {"HP_PORTAL_PUBLIC_URL": description["url"]}
    processes = [
        subprocess.Popen([*command, "serve", "--port", str(port), "--workers", "1"], env=variables),
        subprocess.Popen([*command, "worker"], env=variables),
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell that starts it in the background has it ignore Ctrl-C; whoever sends the signal means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _is_up(description["url"], processes):
            click.echo(json.dumps(description) if as_json else _as_text(description, "Ctrl-C stops it."))
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise click.ClickException("the web server or the worker has stopped; see the messages above")
    except KeyboardInterrupt:
        click.echo("Stopping.")
    finally:
        _stop(processes)


def _is_up(url: str, processes: list[subprocess.Popen[bytes]]) -> bool:
    """Wait for the web server to answer, however long it takes. False when a process has ended instead."""
    while all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=10):  # noqa: S310 - our own address
                return True
        except OSError:
            time.sleep(0.1)
    return False


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as indented lines, every column as wide as its longest text and two blanks."""
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    return [
        "    " + "".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


_NOT_RUNNING = "Nothing runs yet: `hp-portal demo` starts it."


def _as_text(description: dict[str, Any], last: str) -> str:
    lines = [
        "",
        f"  {PAYER['name']}: {description['url']}",
        "",
        f"  Who can sign in, all with the password {PASSWORD}",
        "",
    ]
    people, checks = description["people"], description["checks"]
    lines += _columns(
        [(person["username"], f"{person['role']}, {' and '.join(_organizations(person))}") for person in people]
    )
    if checks:
        lines += ["", "  Numbers to try in Remittance Inquiry", ""]
        lines += _columns(
            [(check["number"], check["method"], f"{check['what']} ({check['organization']})") for check in checks]
        )
    lines += ["", "  More to try", ""]
    lines += _columns([(one["username"], one["url"], one["what"]) for one in description["to_try"]])
    return "\n".join([*lines, "", f"  {last}", ""])
