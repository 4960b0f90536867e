"""The bodies of answers. null: the figure cannot be known exactly, and nothing is estimated."""

from __future__ import annotations

from pydantic import BaseModel, Field

from koyjabo.reports.site_people import Split

Number = int | None
Percent = float | None
MOMENT = "2025-12-16T04:48:38.412Z"


class CitinfosRange(BaseModel):
    start: str = Field(examples=["2025-10-01T00:00:00+06:00"])
    end: str = Field(examples=["2025-10-31T23:59:59+06:00"])


class CitinfosStats(BaseModel):
    """Visitors of a range of days."""

    authenticated_visitors: Number
    anonymous_visitors: Number
    total_unique_visitors: Number
    date_range: CitinfosRange


class CitinfosVisitors(CitinfosStats):
    """Visitors of a range of days, with the change since as many days before, in percent."""

    community_id: str | None = Field(description="null: the site")
    start_date: str
    end_date: str
    total_visitors: Number = Field(description="the same as total_unique_visitors")
    total_views: Number = Field(description="page views")
    change_percentage: Percent
    authenticated_change: Percent
    anonymous_change: Percent
    timestamp: str = Field(examples=[MOMENT])


class CitinfosToday(CitinfosVisitors):
    """Visitors of today."""

    date: str


class CitinfosGrowth(BaseModel):
    """Visitors of the last days, compared with as many days before."""

    period: str
    current_period_visitors: Number
    previous_period_visitors: Number
    current_month_visitors: Number = Field(description="those of the period, whichever it is")
    previous_month_visitors: Number = Field(description="those of the period before")
    growth_rate: Percent
    growth_count: Number
    comparison_days: int
    trend: str | None = Field(description="up, down or stable")
    labels: list[str]
    visitor_counts: list[Number]
    timestamp: str = Field(examples=[MOMENT])


class CitinfosTrend(BaseModel):
    """Visitors of one period."""

    label: str = Field(description="an hour with its offset, a day, a Monday, or the first day of a month")
    date: str = Field(description="the same as label")
    total_visitors: Number
    authenticated_visitors: Number
    anonymous_visitors: Number


class CitinfosTrendLists(BaseModel):
    """Visitors by period, as lists of equal length."""

    labels: list[str]
    total: list[Number]
    authenticated: list[Number]
    anonymous: list[Number]
    start_date: str
    end_date: str
    interval: str


class CitinfosPeriod(BaseModel):
    """Visitors of one period of a community."""

    period: str
    authenticated_count: Number
    anonymous_count: Number
    total_count: Number

    @classmethod
    def of(cls, period: str, people: Split) -> CitinfosPeriod:
        return cls(
            period=period,
            authenticated_count=people.authenticated,
            anonymous_count=people.anonymous,
            total_count=people.visitors,
        )


class CitinfosDivision(BaseModel):
    """The visitors from one division of Bangladesh."""

    division_id: str = Field(examples=["dhaka"])
    division_name: str = Field(examples=["Dhaka"])
    division_type: str = Field(examples=["division"])
    count: int = Field(description="different visitors")
    visitor_count: int = Field(description="the same as count")


class CitinfosShares(BaseModel):
    same_division: float
    cross_division: float
    no_division: float


class CitinfosDivisions(BaseModel):
    """Accounts have no division, so all users are in `no_division`; `divisions` are by the place of visits."""

    same_division_visitors: int
    cross_division_visitors: int
    no_division_visitors: Number
    total_authenticated_visitors: Number
    breakdown_percentage: CitinfosShares
    divisions: list[CitinfosDivision] = Field(description="the most visitors first; none if they cannot be known")


class CitinfosConversionPage(BaseModel):
    page_url: str | None = Field(description="the page of the first visit; null: not recorded")
    conversions: int
    views: Number = Field(description="people whose first visit opened it")
    conversion_rate: Percent


class CitinfosConversions(BaseModel):
    """Of the people whose first visit was in the range: those who have become users."""

    total_conversions: int
    recent_conversions: int = Field(description="of those whose first visit was in the last 30 days")
    total_anonymous_sessions: Number = Field(description="people whose first visit was in the range")
    overall_conversion_rate: Percent
    conversion_rate: Percent = Field(description="the same as overall_conversion_rate")
    rate_change: Percent = Field(description="percentage points since as many days before")
    top_conversion_pages: list[CitinfosConversionPage]
    avg_time_to_conversion: float | None = Field(description="s; null without conversions")
    avg_time_to_convert_seconds: float | None = Field(description="the same")
    timestamp: str = Field(examples=[MOMENT])


class CitinfosDevice(BaseModel):
    device_type: str = Field(description="mobile, desktop, tablet, bot or unknown")
    count: int
    percentage: float


class CitinfosBrowser(BaseModel):
    browser: str
    count: int
    percentage: float


class CitinfosSystem(BaseModel):
    operating_system: str
    count: int
    percentage: float


class CitinfosDemographics(BaseModel):
    """Visits by device, browser and operating system."""

    total_sessions: Number
    device_types: list[CitinfosDevice]
    browsers: list[CitinfosBrowser]
    operating_systems: list[CitinfosSystem]


class CitinfosRealtime(BaseModel):
    """Who is here now: active visitors of the site, or people online in a community."""

    community_id: str | None
    count: int
    current_online: int = Field(description="the same as count")
    authenticated_count: Number = Field(description="null for the site")
    anonymous_count: Number = Field(description="null for the site")
    timestamp: str = Field(examples=[MOMENT])


class CitinfosPeaks(BaseModel):
    daily: int
    weekly: int
    monthly: int


class CitinfosOnline(BaseModel):
    """People online in a community, and the most at once today, in 7 and in 30 days."""

    community_id: str
    current_online: int
    peaks: CitinfosPeaks
    timestamp: str = Field(examples=[MOMENT])


class CitinfosActivity(BaseModel):
    success: bool
    current_online: int
    activity_type: str
    timestamp: str = Field(examples=[MOMENT])


class CitinfosStatus(BaseModel):
    community_id: str
    community_name: str
    online_count: int
    user_is_online: bool
    user_role: str
    total_members: int


class CitinfosStatuses(BaseModel):
    """The communities of a user."""

    user_id: str
    communities: list[CitinfosStatus]
    timestamp: str = Field(examples=[MOMENT])
