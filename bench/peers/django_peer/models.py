"""The product's tables, which are there already."""

from django.db import models


class Counter(models.Model):
    scope = models.CharField(max_length=64, primary_key=True)
    epoch = models.BigIntegerField()
    visits = models.BigIntegerField()
    total = models.BigIntegerField()
    unique_visitors = models.BigIntegerField()
    revision = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "counters"


class Visit(models.Model):
    id = models.BigIntegerField(primary_key=True)
    ordinal = models.BigIntegerField()
    scope = models.CharField(max_length=64)
    visitor_id = models.CharField(max_length=128)
    visit_id = models.CharField(max_length=128)
    at_ms = models.BigIntegerField()
    day = models.CharField(max_length=10)
    hour_s = models.BigIntegerField()
    client_ms = models.BigIntegerField(null=True)
    place = models.TextField()
    referrer = models.TextField(null=True)
    user_agent = models.TextField(null=True)
    page = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "visits"


class Visitor(models.Model):
    pk = models.CompositePrimaryKey("scope", "visitor_id")
    scope = models.CharField(max_length=64)
    visitor_id = models.CharField(max_length=128)
    first_visit = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "visitors"


class Rollup(models.Model):
    scope = models.CharField(max_length=64)
    visits = models.BigIntegerField()
    new_visitors = models.BigIntegerField()

    class Meta:
        abstract = True


class DailyVisits(Rollup):
    pk = models.CompositePrimaryKey("scope", "day")
    day = models.CharField(max_length=10)

    class Meta:
        managed = False
        db_table = "daily_visits"


class HourlyVisits(Rollup):
    pk = models.CompositePrimaryKey("scope", "hour_s")
    hour_s = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "hourly_visits"
