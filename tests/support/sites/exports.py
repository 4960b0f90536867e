"""Exports from other programs in their own formats, and importing them."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from typing import Any

from koyjabo.upkeep.importers.export import ImportReport
from koyjabo.upkeep.importers.importing import FileImporter, ImportSource
from support.application.site import Site
from support.sites.full_site import in_context, quiet

GOATCOUNTER_1 = "1Path,Title,Event,Bot,Session,FirstVisit,Referrer,Referrer scheme,Browser,Screen size,Location,Date"
GOATCOUNTER_2 = (
    "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location,FirstVisit,"
    "Date"
)
PLAUSIBLE = "date,visitors,pageviews,bounces,visits,visit_duration"
UMAMI_CLOUD = (
    "website_id,session_id,visit_id,event_id,hostname,browser,os,device,screen,language,country,region,city,url_path,"
    "url_query,utm_source,utm_medium,utm_campaign,utm_content,utm_term,referrer_path,referrer_query,referrer_domain,"
    "page_title,gclid,fbclid,msclkid,ttclid,li_fat_id,twclid,event_type,event_name,tag,distinct_id,created_at,job_id"
)
UMAMI_EVENTS = (
    "event_id,website_id,session_id,visit_id,created_at,url_path,url_query,referrer_path,referrer_query,referrer_domain,"
    "page_title,event_type,event_name,hostname"
)
UMAMI_SESSIONS = (
    "session_id,website_id,hostname,browser,os,device,screen,language,country,region,city,distinct_id,created_at"
)


def table(head: str, *rows: dict[str, Any] | str) -> str:
    """Return CSV. A row is a line of text, or a dictionary of values by column."""
    written = io.StringIO()
    by_column = csv.DictWriter(written, head.split(","), extrasaction="ignore")
    by_column.writeheader()
    for row in rows:
        written.write(f"{row}\r\n") if isinstance(row, str) else by_column.writerow(row)
    return written.getvalue()


def zipped(**files: str | bytes) -> bytes:
    """A zip archive of CSV files, given by name without `.csv`."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in files.items():
            archive.writestr(f"{name}.csv", contents)
    return written.getvalue()


def packed(contents: str) -> bytes:
    return gzip.compress(contents.encode())


def bring_export(
    site: Site, program: str, contents: str | bytes, name: str = "", even_folded: bool = False
) -> ImportReport:
    """`koyjabo import --program … --site name`"""
    data = contents.encode() if isinstance(contents, str) else contents
    with in_context(site):
        source = ImportSource("export", len(data), program, name, even_folded)
        return FileImporter(io.BytesIO(data), source, site.services.clock, quiet).run()
