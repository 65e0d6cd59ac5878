"""Who may sign in to the console, in what role; who is signed in; who tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.migrations._columns import index, moment, record, text, to, word

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    record(
        "sign_ins",
        to("user_id", "users", lost="CASCADE", null=False),
        text("email", null=False),
        text("password", null=False),
        *word("role", "ops marketing support admin"),
        moment("created_at", default="now()"),
        moment("disabled_at"),
        sa.UniqueConstraint("org_id", "email"),
    )
    index("sign_ins", "email")
    index("sign_ins", "user_id")
    record(
        "web_sessions",
        to("sign_in_id", "sign_ins", lost="CASCADE", null=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        moment("created_at", default="now()"),
        moment("seen_at", default="now()"),
        moment("until", null=False),
    )
    index("web_sessions", "sign_in_id")
    index("web_sessions", "until")
    record("sign_in_attempts", text("email", null=False), moment("at", default="now()"))
    index("sign_in_attempts", "email at")
    index("sign_in_attempts", "at")


def downgrade() -> None:
    for table in ("sign_in_attempts", "web_sessions", "sign_ins"):
        op.drop_table(table)
