"""Answers from single visits: their facts up to the watermark of the projection, and newer ones, parsed here."""
