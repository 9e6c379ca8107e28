"""Office files with the same bytes on every run: no clock in them."""

from __future__ import annotations

import io
import re
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip entry can carry."""
STAMP = "1980-01-01T00:00:00Z"
_DATES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:)")


def without_clock(content: bytes) -> bytes:
    """Rewrite a zip file with fixed dates, also in the workbooks inside it."""
    source = zipfile.ZipFile(io.BytesIO(content))
    target = io.BytesIO()
    with source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith(".xlsx"):
                data = without_clock(data)
            elif entry.filename == "docProps/core.xml":
                data = _DATES.sub(rb"\g<1>" + STAMP.encode() + rb"\g<2>", data)
            fixed = zipfile.ZipInfo(entry.filename, EPOCH)
            fixed.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(fixed, data)
    return target.getvalue()
