"""A streaming reader of health care remittances: ASC X12 835, version 005010X221A1.

Standard library only. `reader.read` is the way in; `records` names the columns of what comes out,
`diagnostics` the rules it checks, `rebuild` makes one check's text a whole interchange again.
"""
