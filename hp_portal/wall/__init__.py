"""The wall of the row scopes: what is run and written in a session that does not see everything, looked at leaf by leaf.

What a statement names is seen while it is written out as SQL (`hp_portal/statements.py`); here it is judged:

- `executing`: what may be executed, on the engine itself, and on SQLite by the connection's authorizer;
- `writing`: what an organization's session may write, column by column.
"""
