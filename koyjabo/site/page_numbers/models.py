"""The views of each page."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Day, Model


class PageSum(ByKey, Model):
    """The views of a page on the whole site, up to the marks `page_visits` and `page_events` in `watermarks`. Later
    views are only in `visits` and `events` (`koyjabo.site.page_numbers`).
    """

    __tablename__ = "page_sums"

    page: Mapped[str] = mapped_column(primary_key=True)
    views: Mapped[int]
    day: Mapped[Day]  # the latest day with views
    day_views: Mapped[int]  # the views of that day
