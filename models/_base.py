"""What every row has: a time-ordered id and an organisation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import DateTime, Double, ForeignKey, Index, MetaData, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Written = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=text("now()"))]
Number = Annotated[float, mapped_column(Double)]
Words = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """Names of keys and checks are fixed here, so that migrations on every machine agree."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), float: Double}  # noqa: RUF012


class Record(Base):
    """A row of an organisation. `id` is a UUIDv7 that the database makes when none is given."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    org_id: Mapped[str] = mapped_column(server_default="main")


def to(column: str, *, lost: str | None = "SET NULL", index: bool = False) -> Mapped[UUID | None]:
    """A nullable foreign key: the child survives its parent, unless `lost` says otherwise."""
    return mapped_column(ForeignKey(column, ondelete=lost), index=index)


def of(column: str) -> Mapped[UUID]:
    """A foreign key without which the row makes no sense: it goes with its parent."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"))


def where_set(name: str, column: str, *more: str) -> Index:
    """An index over the rows that have the column at all; most rows of a foreign key do not."""
    return Index(name, column, *more, postgresql_where=text(f"{column} IS NOT NULL"))
