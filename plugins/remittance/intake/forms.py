"""The form of the staff's page of imports."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileRequired, MultipleFileField


class UploadForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    files = MultipleFileField("Remittance files (835)", [FileRequired("Choose one file or more.")])
