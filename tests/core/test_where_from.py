"""Where a request came from, by which name the portal was asked, and proxies that the settings do not tell of."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.web.security import CONTENT_SECURITY_POLICY
from hp_portal.core.web.where_from import is_ours, network_of, read_address
from hp_portal.settings import ConfigurationError, load_settings
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import DATA_KEY, SECRET_KEY, Databases
from tests.support.world import World


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("0000:0000:0000:0000:0000:ffff:192.168.100.228", "192.168.100.228"),
        ("unknown", ""),
        ("_hidden", ""),
        ("1" * 60, ""),
        ("192.0.2.7, 192.0.2.8", ""),
        ("fe80::1%" + "x" * 60, "fe80::1"),
        ("", ""),
    ],
)
def test_an_address_is_read_as_proxies_write_it(text: str, address: str) -> None:
    assert read_address(text) == address


def test_ipv6_counts_by_the_network_of_a_customer() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::9") != network_of("2001:db8:1:2::9")
    assert network_of("192.0.2.7") == "192.0.2.7"


@pytest.fixture
def behind_proxy(database_url: str, make_app: MakeApp) -> World:
    return World(make_app(database_url, trusted_proxies=1, attempts_per_address=3, attempts_per_account=100))


def try_to_sign_in(world: World, forwarded: str, name: str) -> int:
    headers = {"X-Forwarded-For": forwarded}
    form = {"username": name, "password": "wrong"}
    return world.client().post("/sign-in", form, headers=headers).status_code


def test_addresses_of_one_network_share_their_tries(behind_proxy: World) -> None:
    tries = [try_to_sign_in(behind_proxy, f"[2001:db8:1:2::{n}]:{n}", f"nobody{n}") for n in range(1, 5)]
    assert tries == [422, 422, 422, 429]
    assert try_to_sign_in(behind_proxy, "2001:db8:1:3::1", "nobody5") == 422


@pytest.mark.parametrize("forwarded", ["x" * 60, "2001:db8:" * 20, "192.0.2.7:4711:4711"])
def test_what_is_no_address_is_not_kept_for_one(behind_proxy: World, forwarded: str) -> None:
    assert try_to_sign_in(behind_proxy, forwarded, "nobody") == 422
    with behind_proxy.session() as session:
        assert session.scalars(sa.select(AuditEvent.address)).all()[-1] == "127.0.0.1"


# ---- the portal's names


def test_a_name_is_compared_without_port_and_case() -> None:
    names = {"portal.plan.example", "::1", ".offices.example"}
    for host in (
        "portal.plan.example",
        "Portal.Plan.Example:8350",
        "portal.plan.example.",
        "[::1]:8350",
        "a.offices.example",
    ):
        assert is_ours(host, names), host
    for host in (
        "plan.example",
        "portal.plan.example.evil.example",
        "evil.example",
        "",
        "offices.example",
        "xoffices.example",
    ):
        assert not is_ours(host, names), host


@pytest.fixture
def named(databases: Databases, tmp_path: Path, make_app: MakeApp) -> PortalClient:
    url = databases.new_sqlite(tmp_path / "named.sqlite")
    return PortalClient(make_app(url, hosts="portal.plan.example, .offices.example", trusted_proxies=0))


def test_the_address_in_messages_is_one_of_the_names(databases: Databases, tmp_path: Path, make_app: MakeApp) -> None:
    url = databases.new_sqlite(tmp_path / "other.sqlite")
    with pytest.raises(
        ConfigurationError, match=r"HP_PORTAL_PUBLIC_URL is https://p\.example.*Add the name to HP_PORTAL_HOSTS"
    ):
        make_app(url, public_url="https://p.example")


def test_other_names_are_refused(named: PortalClient) -> None:
    for host, status in (
        ("portal.plan.example", 200),
        ("b.offices.example:443", 200),
        ("localhost", 400),
        ("evil.example", 400),
    ):
        assert named.get("/sign-in", headers={"Host": host}).status_code == status
    refused = named.get("/sign-in", headers={"Host": "evil.example"})
    assert "HP_PORTAL_HOSTS" in refused.text
    assert "evil" not in refused.text
    assert refused.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert (
        named.get("/sign-in", headers={"Host": "portal.plan.example", "X-Forwarded-Host": "evil.example"}).status_code
        == 200
    )


def test_a_forwarded_name_is_one_of_the_portal_s_too(databases: Databases, tmp_path: Path, make_app: MakeApp) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "named.sqlite"), hosts="portal.plan.example", trusted_proxies=1)
    client = PortalClient(app)
    for name, status in (("portal.plan.example", 200), ("evil.example", 400)):
        assert client.get("/sign-in", headers={"Host": "10.0.0.7", "X-Forwarded-Host": name}).status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_know_no_name(named: PortalClient, path: str) -> None:
    assert named.get(path, headers={"Host": "10.0.0.7:8350"}).status_code == 200


def test_without_a_setting_the_portal_answers_on_its_machine_alone() -> None:
    settings = load_settings(secret_key=SECRET_KEY, data_key=DATA_KEY)
    assert settings.hosts == ("localhost", "127.0.0.1", "::1")
    with pytest.raises(ConfigurationError, match="HP_PORTAL_HOSTS"):
        load_settings(secret_key=SECRET_KEY, data_key=DATA_KEY, hosts=" , ")


# ---- proxies that the settings do not tell of


@pytest.mark.parametrize(
    ("trusted", "headers", "warned"),
    [
        (0, {}, ""),
        (0, {"X-Forwarded-For": "192.0.2.7"}, "HP_PORTAL_TRUSTED_PROXIES is 0"),
        (0, {"X-Forwarded-Proto": "https"}, "X-Forwarded-Proto"),
        (1, {"X-Forwarded-For": "192.0.2.7"}, ""),
        (1, {}, "around the proxy"),
        (2, {"X-Forwarded-For": "192.0.2.7"}, "1 forwarded address"),
        (2, {"X-Forwarded-For": "192.0.2.7, 192.0.2.8"}, ""),
    ],
)
def test_staff_are_warned_when_proxies_and_settings_do_not_agree(
    databases: Databases, tmp_path: Path, make_app: MakeApp, trusted: int, headers: dict[str, str], warned: str
) -> None:
    world = World(make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), trusted_proxies=trusted))
    world.staff("a.staff", permissions=["staff:console:open", "staff:plugins:read"])
    world.staff("b.staff", permissions=["staff:console:open"])
    for name, url in (("a.staff", "/staff/plugins"), ("a.staff", "/staff/"), ("b.staff", "/staff/")):
        shown = world.sign_in(name).get(url, headers=headers).text
        assert warned in shown
        assert ("The reverse proxy and the settings do not agree" in shown) is bool(warned)


# ---- headers


@pytest.mark.parametrize("https", [False, True])
def test_static_files_carry_the_headers_of_pages(
    databases: Databases, tmp_path: Path, make_app: MakeApp, https: bool
) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), https=https)
    with app.test_request_context():
        sheet, picture = (app.jinja_env.globals["asset"](name) for name in ("portal.bundle.css", "favicon.svg"))  # type: ignore[operator]
    client = app.test_client()
    page = client.get("/sign-in").headers
    ours = {name for name, _ in page if name not in OF_A_PAGE}
    assert ours >= {"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Frame-Options", "Permissions-Policy"}
    assert ("Strict-Transport-Security" in ours) is https
    for url in (sheet, picture, "/healthz"):
        with client.get(url) as answer:
            found = answer.headers
        differing = {name for name in ours if found.get(name) != page[name]}
        assert differing == ({"Content-Security-Policy"} if url is picture else set())


OF_A_PAGE = {"Content-Type", "Content-Length", "Set-Cookie", "Vary", "Cache-Control", "X-Request-ID"}
