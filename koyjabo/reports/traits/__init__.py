"""Parsed values of visits: source, channel, browser, system, device, language, campaign and place."""
