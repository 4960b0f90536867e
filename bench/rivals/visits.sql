-- Registers a visit in one round trip, once for each (visitor, visit). The lock on the counter makes visits queue.
CREATE FUNCTION register_visit(
    visitor text, visit text, client bigint, referrer text, agent text, page text,
    OUT ordinal bigint, OUT duplicate boolean, OUT total bigint, OUT today bigint, OUT visitors bigint, OUT revision bigint
) LANGUAGE plpgsql AS $$
DECLARE
    number bigint; now_ms bigint; local_day text; hour bigint; is_new integer;
BEGIN
    SELECT c.visits, c.total, c.unique_visitors, c.revision INTO number, total, visitors, revision
    FROM counters c WHERE scope = 'site' FOR UPDATE;
    now_ms := extract(epoch FROM clock_timestamp()) * 1000;
    local_day := (to_timestamp(now_ms / 1000) AT TIME ZONE 'Asia/Dhaka')::date;
    SELECT v.ordinal INTO ordinal FROM visits v WHERE v.visitor_id = visitor AND v.visit_id = visit;
    duplicate := FOUND;
    IF duplicate THEN
        SELECT d.visits INTO today FROM daily_visits d WHERE d.scope = 'site' AND d.day = local_day;
        RETURN;
    END IF;
    number := number + 1; total := total + 1; ordinal := total;
    revision := greatest(revision + 1, now_ms); hour := now_ms / 3600000 * 3600;
    INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, client_ms, place, referrer,
                        user_agent, page)
    VALUES (number, total, 'site', visitor, visit, now_ms, local_day, hour, client, 'Unknown', referrer, agent, page);
    INSERT INTO visitors (scope, visitor_id, first_visit) VALUES ('site', visitor, number) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS is_new = ROW_COUNT;
    visitors := visitors + is_new;
    INSERT INTO daily_visits AS d (scope, day, visits, new_visitors) VALUES ('site', local_day, 1, is_new)
    ON CONFLICT (scope, day) DO UPDATE SET visits = d.visits + 1, new_visitors = d.new_visitors + is_new
    RETURNING d.visits INTO today;
    INSERT INTO hourly_visits AS h (scope, hour_s, visits, new_visitors) VALUES ('site', hour, 1, is_new)
    ON CONFLICT (scope, hour_s) DO UPDATE SET visits = h.visits + 1, new_visitors = h.new_visitors + is_new;
    UPDATE counters c SET visits = number, total = register_visit.total, unique_visitors = register_visit.visitors,
                          revision = register_visit.revision WHERE scope = 'site';
END $$;
INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision)
VALUES ('site', 0, 0, {total}, 0, 0);
