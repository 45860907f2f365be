"""The municipality that the sandbox shows, imported the way every municipality is."""

from pathlib import Path

from sqlalchemy import Engine

from digione_platform.errors import PlatformError
from digione_platform.i18n import mark, today
from digione_platform.roster.importer import import_bundle
from digione_platform.sample.bundle import write_bundle
from digione_platform.sample.town import Options
from digione_platform.settings import Tenant

TENANT = Tenant(
    slug="mallila",
    code="999",
    oid="1.2.246.562.99.00000000999",
    name={"fi": "Mallila", "sv": "Modellby", "en": "Mallila"},
    languages=["fi", "sv", "en"],
    areas=["homeschool", "scheduling", "administration", "teaching"],
)


def import_sample(engine: Engine, folder: Path, pupils: int) -> None:
    """Write the sample municipality into a folder and import it into an empty database."""
    day = today()
    options = Options(
        pupils=pupils,
        language="bilingual",
        name=TENANT.name["fi"],
        name_sv=TENANT.name["sv"],
        code=TENANT.code,
        oid=TENANT.oid,
        year=day.year if day.month >= 8 else day.year - 1,
    )
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / "sample.zip"
    write_bundle(bundle, options)
    report = import_bundle(engine, bundle, tenant_oid=TENANT.oid, actor="sandbox", apply=True)
    if report.refused:
        raise PlatformError(
            "P-SANDBOX-004",
            mark("The sandbox was not started"),
            mark("the sample municipality was not imported; errors: {errors}"),
            "digione-platform roster import {bundle} --dry-run",
            errors=report.problems.errors,
            bundle=bundle,
        )
