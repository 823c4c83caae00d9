"""Alembic's entry: migrates over the connection that ``serving.records.migrate`` hands in."""

from alembic import context

# Their tables belong to METADATA.
from serving.records import (  # noqa: F401
    delivery_schema,
    duty_schema,
    node_schema,
    stay_schema,
    surveillance_schema,
    workitem_schema,
)
from serving.records.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite cannot alter a column in place; Alembic then copies the table.
    render_as_batch=True,
    # The engine's and MLflow's tables are not ours.
    include_name=lambda name, kind, _: kind != "table" or name in METADATA.tables,
)
with context.begin_transaction():
    context.run_migrations()
