"""Tables of the worker nodes."""

from sqlalchemy import Column, Integer, String, Table

from serving.records.schema import METADATA

#: Worker processes that are alive, or were until they fell silent.
NODE_LEASE = Table(
    "node_lease",
    METADATA,
    Column("node", String(32), primary_key=True),
    #: Incarnation, drawn at random; a newer one ends the right of every older to write.
    Column("epoch", Integer, nullable=False),
    #: How often it has said that it is alive.
    Column("beat", Integer, nullable=False),
)
