"""Forms of the staff's remittance pages."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired, MultipleFileField
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from .code_lists import LISTS


class UploadForm(FlaskForm):  # type: ignore[misc]
    files = MultipleFileField("Remittance files (835)", [FileRequired("Choose one file or more.")])


class CodesForm(FlaskForm):  # type: ignore[misc]
    list = SelectField("List", choices=[SelectChoice(value=name, label=label) for name, label in LISTS.items()])
    file = FileField("File (CSV or XLSX)", [FileRequired("Choose the file that you downloaded.")])
