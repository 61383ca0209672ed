"""dev"""

from alembic import op

from zaffre.server import db

revision = "0002dev"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    db.metadata.create_all(op.get_bind())
