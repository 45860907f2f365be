"""Every folder in roles/ keeps the contract of a service (docs: how to add a service)."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from digione_cli.engine.fingerprint import ALWAYS
from digione_cli.engine.services import load_services
from digione_cli.model.backup import S3Target
from digione_cli.model.external import External
from digione_cli.model.instance import InstanceFile, TenantFile
from digione_cli.model.service import Service
from digione_cli.settings import CHECKOUT
from docs.in_words import models

ROLES = CHECKOUT / "roles"
SERVICES = load_services(ROLES)
FOLDERS = sorted(p.name for p in ROLES.iterdir() if p.is_dir())
MODULES_THAT_WRITE = {"template", "copy"}
TYPES = {"str", "int", "bool", "list", "dict", "float", "path"}


def tasks(role: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every task and handler of a role with its file, those in blocks too."""
    for folder in ("tasks", "handlers"):
        for path in sorted((ROLES / role / folder).glob("*.yml")):
            yield from ((path, task) for task in _flat(yaml.safe_load(path.read_text()) or []))


def _flat(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        yield task
        for part in ("block", "rescue", "always"):
            for inner in _flat(task.get(part, [])):
                # a block's no_log and vars hold for what is in it
                inherited = {k: task[k] for k in ("no_log",) if k in task}
                yield inherited | inner


def module(task: dict[str, Any]) -> str:
    """Return the short name of a task's module."""
    names = [k for k in task if k.count(".") == 2]
    return names[0].rsplit(".", 1)[1] if names else ""


def arguments(task: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a task's module."""
    given: Any = next((v for k, v in task.items() if k.count(".") == 2), {})
    return given if isinstance(given, dict) else {}


def declared(service: Service) -> set[str]:
    """Return the names of the secrets that a service stores or uses."""
    names = {s.name for s in service.secrets} | set(service.uses)
    return names | {f"{n}_{part}" for n in names for part in ("key", "certificate", "public")}


def test_every_role_is_a_service() -> None:
    assert set(FOLDERS) == set(SERVICES), "write a service.yml for each folder in roles/"


@pytest.mark.parametrize("name", SERVICES)
def test_people_can_read_what_it_is(name: str) -> None:
    service = SERVICES[name]
    assert service.about.endswith("."), f"roles/{name}/service.yml: about: write one whole sentence"
    assert service.title, f"roles/{name}/service.yml: title: write a name for people"


@pytest.mark.parametrize("name", SERVICES)
def test_services_that_it_names_are_there(name: str) -> None:
    service = SERVICES[name]
    unknown = ({*service.after, *service.together_with} - set(SERVICES)) | ({name} & set(service.after))
    assert not unknown, f"roles/{name}/service.yml: after, together_with: there is no other service {unknown}"
    for other in service.together_with:
        assert name in SERVICES[other].together_with, (
            f"roles/{other}/service.yml: together_with: add {name}, which wants to be with it"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_uses_is_there(name: str) -> None:
    known = {s.name for service in SERVICES.values() for s in service.secrets}
    unknown = set(SERVICES[name].uses) - known
    assert not unknown, f"roles/{name}/service.yml: uses: no service declares the secrets {unknown}"


def test_what_may_be_the_municipalitys_own_has_its_place_in_the_inventory() -> None:
    for name in SERVICES.outside():
        form = SERVICES[name].external
        assert name in External.model_fields, (
            f"digione_cli/model/external.py: add {name}, or take `external:` out"
        )
        assert form, f"roles/{name}/service.yml: external:"
        assert form.beside in SERVICES, (
            f"roles/{name}/service.yml: external: beside: there is no {form.beside}"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_that_depend_on_a_key_depend_on_one_that_there_is(name: str) -> None:
    for secret in SERVICES[name].secrets:
        model: Any = {"instance": InstanceFile, "tenant": TenantFile, "target": S3Target}[secret.per]
        for part in secret.when.split(".") if secret.when else ():
            where = f"roles/{name}/service.yml: secrets: {secret.name}: when: {secret.when}"
            assert part in model.model_fields, f"{where}: there is no {part}"
            inner = models(model.model_fields[part].annotation)
            model = inner[0] if inner else None


@pytest.mark.parametrize("name", SERVICES)
def test_what_destroy_deletes_has_words(name: str) -> None:
    service = SERVICES[name]
    words = service.tenant_data or service.own_data
    assert bool(service.data) == bool(words), f"roles/{name}/service.yml: own_data: say what is in its data"


def test_secrets_are_declared_once() -> None:
    owners: dict[str, str] = {}
    for name, service in SERVICES.items():
        for secret in service.secrets:
            assert secret.name not in owners, (
                f"roles/{name}/service.yml: {secret.name} is of {owners[secret.name]}; name it in `uses`"
            )
            owners[secret.name] = name


@pytest.mark.parametrize("name", SERVICES)
def test_it_can_be_configured(name: str) -> None:
    assert "configure" in SERVICES[name].actions, f"roles/{name}: write tasks/configure.yml"


@pytest.mark.parametrize("name", SERVICES)
def test_its_settings_are_described_and_have_defaults(name: str) -> None:
    spec = yaml.safe_load((ROLES / name / "meta/argument_specs.yml").read_text())["argument_specs"]
    defaults = yaml.safe_load((ROLES / name / "defaults/main.yml").read_text()) or {}
    options = spec["configure"]["options"]
    assert spec["configure"]["short_description"], f"roles/{name}/meta/argument_specs.yml: describe configure"
    for required in ("digione", "digione_secrets"):
        assert options.get(required, {}).get("type") == "dict", (
            f"roles/{name}/meta/argument_specs.yml: add the option {required} of type dict"
        )
    own = {k: v for k, v in options.items() if k not in ("digione", "digione_secrets")}
    for key, option in own.items():
        where = f"roles/{name}/meta/argument_specs.yml: {key}"
        assert key.startswith(f"{name}_"), f"{where}: begin its name with {name}_"
        assert option.get("description"), f"{where}: describe it in a sentence"
        assert option.get("type") in TYPES, f"{where}: give its type, one of {sorted(TYPES)}"
        assert not option.get("required"), f"{where}: settings are optional; give a default"
        assert key in defaults, f"roles/{name}/defaults/main.yml: add {key}"
        assert option.get("default", defaults[key]) == defaults[key], (
            f"{where}: its default differs from defaults/main.yml"
        )
        if option.get("choices"):
            assert defaults[key] in option["choices"], f"{where}: its default is none of its choices"
    extra = set(defaults) - set(own)
    assert not extra, f"roles/{name}/meta/argument_specs.yml: describe {extra}, which have defaults"


@pytest.mark.parametrize("name", SERVICES)
def test_its_settings_have_limits(name: str) -> None:
    service = SERVICES[name]
    where = f"roles/{name}/service.yml: limits"
    extra = set(service.limits) - set(service.settings)
    assert not extra, f"{where}: it has no setting {extra}"
    for key, setting in service.settings.items():
        limit = service.limits.get(key)
        element = setting.elements if setting.type == "list" else setting.type
        if element == "int":
            assert isinstance(limit, tuple), f"{where}: {key}: write [minimum, maximum]"
            assert limit[0] <= limit[1], f"{where}: {key}: the minimum comes first"
        elif element == "str" and not setting.choices:
            assert isinstance(limit, str), f"{where}: {key}: write a regular expression"
            re.compile(limit)
        else:
            assert limit is None, f"{where}: {key}: only numbers and free text have limits"


READS = re.compile(r"digione_secrets(?:\.instance|\.tenants\[[^\]]+\])[.\[]['\"]?([a-z_]+)")


def secrets_in(text: str) -> set[str]:
    """Return the names of secrets that a text reads and that may not be shown."""
    return set(READS.findall(text)) - {"authority_certificate"}


@pytest.mark.parametrize("name", SERVICES)
def test_settings_that_go_together_are_there(name: str) -> None:
    service = SERVICES[name]
    for key, needed in service.of_each_tenant.items():
        where = f"roles/{name}/service.yml: of_each_tenant.{key}"
        assert service.settings[key].type == "dict", f"{where}: the setting must be a dict"
        for other, value in needed.where.items():
            assert value in service.settings[other].choices, f"{where}: {other} is never {value}"


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_that_it_reads_are_declared_or_used(name: str) -> None:
    for path in sorted((ROLES / name).rglob("*")):
        if path.suffix not in (".yml", ".j2") or not path.is_file():
            continue
        for secret in READS.findall(path.read_text(encoding="utf-8")):
            known = declared(SERVICES[name])
            # a name that is put together, such as 'directory_' ~ account, is known by its beginning
            assert secret in known or (secret[-1] == "_" and any(k.startswith(secret) for k in known)), (
                f"{path.relative_to(CHECKOUT)} reads {secret}: add it to `secrets` (if it "
                f"stores it first) or to `uses` in roles/{name}/service.yml, so that a rotation reaches it"
            )


DIGIONE = re.compile(r"""(?<![\w./"'-])digione\.(?!conf\b|crt\b)(\w+)(?:\.(\w+))?""")
OF_TENANT = re.compile(r"(?<![\w./-])(?:tenant|item\[0\])\.(\w+)|attribute='(\w+)'")
OF_ALL_TENANTS = {*TenantFile.model_fields, "auth_domain"}


def sources(name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a role that Ansible evaluates, with their texts."""
    for path in sorted((ROLES / name).rglob("*")):
        if path.suffix in (".yml", ".j2") and path.parent.name != "meta" and path.name != "service.yml":
            yield path, path.read_text(encoding="utf-8")


def read_in(text: str) -> set[str]:
    """Return what a text reads of the variable digione, as service.yml names it."""
    found = {".".join(filter(None, pair)) for pair in DIGIONE.findall(text)}
    tenants = {field for pair in OF_TENANT.findall(text) for field in pair} & OF_ALL_TENANTS
    return found | {f"tenants.{field}" for field in tenants}


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_reads_is_declared_and_nothing_else(name: str) -> None:
    where, reads = f"roles/{name}/service.yml: reads", SERVICES[name].reads
    read: set[str] = set()
    for path, text in sources(name):
        for one in sorted(read_in(text)):
            top = one.partition(".")[0]
            declared = [d for d in reads if one == d or one.startswith(f"{d}.") or d.startswith(f"{one}.")]
            assert top in ALWAYS or declared, (
                f"{path.relative_to(CHECKOUT)} reads digione.{one}: add it to {where}; "
                f"the role is given nothing else, and its fingerprint consists of it"
            )
            read.update(declared)
    unread = set(reads) - read - {"tenants.slug"}
    assert not unread, f"{where}: take out {unread}, which no file of the role reads"


@pytest.mark.parametrize("name", SERVICES)
def test_it_reads_no_setting_of_another_service(name: str) -> None:
    others = {f"{s}_{key}" for s in SERVICES if s != name for key in SERVICES[s].settings}
    for path, text in sources(name):
        strange = others & set(re.findall(r"\w+", text))
        assert not strange, (
            f"{path.relative_to(CHECKOUT)} reads {strange}, which is no part of the fingerprint of {name}"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_with_a_certificate_uses_the_authority(name: str) -> None:
    signs = any(
        module(t) == "include_role" and arguments(t).get("tasks_from") == "certificate"
        for _, t in tasks(name)
    )
    if signs:
        assert "authority" in declared(SERVICES[name]), f"roles/{name}/service.yml: uses: add authority"


@pytest.mark.parametrize("name", SERVICES)
def test_tasks_are_sentences_with_full_module_names(name: str) -> None:
    for path, task in tasks(name):
        where = f"{path.relative_to(CHECKOUT)}: {task.get('name', task)}"
        assert re.match(r"[A-Z][^.]+$", task.get("name", "")), (
            f"{where}: name it in a sentence, without full stop"
        )
        assert "block" in task or module(task), (
            f"{where}: write the module's full name, such as ansible.builtin.copy"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_tasks_with_secrets_hide_them(name: str) -> None:
    for path, task in tasks(name):
        if secrets_in(str(task)) and "block" not in task and not module(task).startswith("include"):
            assert task.get("no_log") is True, (
                f"{path.relative_to(CHECKOUT)}: {task['name']}: it reads secrets; add no_log: true"
            )


@pytest.mark.parametrize("name", SERVICES)
def test_templates_with_secrets_are_written_hidden_and_closed(name: str) -> None:
    for path, task in tasks(name):
        if module(task) != "template":
            continue
        source = ROLES / name / "templates" / str(arguments(task).get("src", ""))
        text = source.read_text() if source.is_file() else ""
        if not secrets_in(text):
            continue
        where = f"{path.relative_to(CHECKOUT)}: {task['name']}"
        assert task.get("no_log") is True, f"{where}: its template reads secrets; add no_log: true"
        mode = arguments(task).get("mode")
        assert mode in ("0600", "0640", "0400", "0440"), f"{where}: its file holds secrets; mode 0600 or 0640"


def destinations(name: str) -> Iterator[tuple[Path, str]]:
    """Yield where the tasks of a role write files, with * for what is not known before."""
    for path, task in tasks(name):
        if module(task) not in MODULES_THAT_WRITE:
            continue
        destination = str(arguments(task).get("dest", ""))
        for item in _items(task):
            given = destination
            for key, value in item.items():
                given = re.sub(r"\{\{ *item" + key + r" *\}\}", str(value), given)
            yield path, re.sub(r"\{\{.*?\}\}", "*", given)


def _items(task: dict[str, Any]) -> list[dict[str, Any]]:
    loop = task.get("loop")
    if not isinstance(loop, list):
        return [{}]
    return [{f"\\.{k}": v for k, v in i.items()} if isinstance(i, dict) else {"": i} for i in loop]


@pytest.mark.parametrize("name", SERVICES)
def test_files_that_it_writes_are_declared(name: str) -> None:
    for path, destination in destinations(name):
        if not destination.startswith("/"):
            continue
        # releases are kept as they were unpacked; certificates may be renewed on the host itself (ACME)
        if destination.startswith(("/opt/digione/releases/", "/etc/digione/tls/")):
            continue
        pattern = destination + "*" if destination.endswith("/") else destination
        assert any(fnmatch(pattern, glob) or fnmatch(glob, pattern) for glob in SERVICES[name].files), (
            f"{path.relative_to(CHECKOUT)} writes {destination}: add it to `files` of its "
            f"service.yml, so that a change by hand is found"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_globs_are_absolute_and_deep(name: str) -> None:
    service = SERVICES[name]
    depths = dict.fromkeys(service.files, 2) | dict.fromkeys(service.data, 3)
    for glob, depth in depths.items():
        assert glob.startswith("/"), f"roles/{name}/service.yml: {glob}: write the whole path"
        assert glob.count("/") >= depth, f"roles/{name}/service.yml: {glob}: destroy deletes it; say more"
        assert ".." not in glob


@pytest.mark.parametrize("name", SERVICES)
def test_its_units_are_started_or_come_with_its_packages(name: str) -> None:
    service = SERVICES[name]
    texts = " ".join(p.read_text() for p in sorted((ROLES / name).rglob("*.yml")) if p.name != "service.yml")
    packaged = " ".join(service.packages)
    for unit in (*service.units, *service.tenant_units):
        stem = re.split(r"[@.]", unit)[0]
        assert stem in texts or stem in packaged, (
            f"roles/{name}/service.yml: no task starts {unit}, and no package of it is named so"
        )
        assert unit.rpartition(".")[2] in ("service", "socket", "timer", "target")
    for unit in service.tenant_units:
        assert "{tenant}" in unit, f"roles/{name}/service.yml: tenant_units: {unit} lacks {{tenant}}"


@pytest.mark.parametrize("name", SERVICES)
def test_a_tenant_can_leave_it(name: str) -> None:
    service = SERVICES[name]
    own = (
        service.tenant_units
        or service.users_of("x")
        or service.tenant_data
        or "tenant_add" in service.actions
    )
    own = own or any(s.per == "tenant" for s in service.secrets)
    assert service.holds_tenants or not own, (
        f"roles/{name}: there is something of each tenant in it: write tasks/tenant_remove.yml"
    )
    if service.holds_tenants:
        spec = yaml.safe_load((ROLES / name / "meta/argument_specs.yml").read_text())["argument_specs"]
        assert spec.get("tenant_remove", {}).get("options", {}).keys() == {"digione_tenant"}, (
            f"roles/{name}/meta/argument_specs.yml: add tenant_remove with the option digione_tenant"
        )
        text = (ROLES / name / "tasks/tenant_remove.yml").read_text()
        assert "digione.tenants" not in text, (
            f"roles/{name}/tasks/tenant_remove.yml: digione.tenants stay; it is about digione_tenant"
        )


@pytest.mark.parametrize("name", SERVICES)
def test_variables_of_the_role_carry_its_name(name: str) -> None:
    for path, task in tasks(name):
        registered = task.get("register")
        if registered:
            assert registered.startswith(f"{name}_"), (
                f"{path.relative_to(CHECKOUT)}: register {registered}: begin its name with {name}_"
            )


@pytest.mark.parametrize("name", SERVICES)
def test_it_leaves_to_the_playbook_what_is_the_playbooks(name: str) -> None:
    for path, task in tasks(name):
        assert "gather_facts" not in task, (
            f"{path.relative_to(CHECKOUT)}: facts are gathered once, by the playbook"
        )
        assert task.get("become") is not True or "become_user" in task, (
            f"{path.relative_to(CHECKOUT)}: {task['name']}: the playbook becomes root already"
        )
        assert "service_mgr" not in str(task), (
            f"{path.relative_to(CHECKOUT)}: PID 1 is systemd; ask for nothing else"
        )
