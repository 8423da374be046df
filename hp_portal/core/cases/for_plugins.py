"""Cases on a plugin's own pages for staff, such as those of steps that have a `page`."""

from __future__ import annotations

from hp_portal.core.cases.acting import CaseMoved
from hp_portal.core.cases.staff_pages import find_for_staff, staff_step, write_to_office

__all__ = ["CaseMoved", "find_for_staff", "staff_step", "write_to_office"]
