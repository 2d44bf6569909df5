"""Writes the table of public holidays, src/prophet/country/table.txt: rules, and dates where no rule
holds; and countries.json beside this file, with the days themselves of every third year.

Needs Python 3.11 with holidays==0.109 (MIT licence), which is where the dates come from. Every day of
every year is that package's; this script only looks for the shortest words for them.
"""

import datetime as dt
import json
import sys
from collections import defaultdict
from pathlib import Path

import holidays

FIRST, LAST = 2000, 2050
# Where the package knows fewer years.
KNOWN = {"IN": (2001, 2035)}
CODES = "AT AU BE BR CA CH DE DK ES FI FR GB IE IN IT JP KR MX NL NO NZ PL PT SE US ZA".split()
EPOCH = dt.date(1970, 1, 1).toordinal()
WEEKDAYS = "mon tue wed thu fri sat sun".split()


def easter(year):
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


def date(year, month, day):
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def fixed(month, day):
    return f"{month:02}-{day:02}", lambda y: {date(y, month, day)}


def from_easter(offset):
    return f"easter{offset:+}", lambda y: {easter(y) + dt.timedelta(offset)}


def weekday_from(weekday, month, day):
    def days(year):
        start = date(year, month, day)
        return {start + dt.timedelta((weekday - start.weekday()) % 7)} if start else {None}

    return f"{WEEKDAYS[weekday]}>={month:02}-{day:02}", days


def shifted(month, day, shifts):
    def days(year):
        # Near a turn of the year a day may be observed in another one.
        starts = [date(y, month, day) for y in (year - 1, year, year + 1)]
        moved = [d + dt.timedelta(shifts[d.weekday()]) for d in starts if d and d.weekday() in shifts]
        return {d for d in moved if d.year == year}

    words = ",".join(f"{WEEKDAYS[w]}{s:+}" for w, s in sorted(shifts.items()))
    return f"{month:02}-{day:02}:{words}", days


SHIFTS = [{6: 1}, {5: -1, 6: 1}, {5: 2, 6: 1}, {5: 2, 6: 2}, {5: 2}, {5: -1}, {0: 1, 6: 2}, {6: 2}]


def candidates(days):
    """Rules that could have made some of these days."""
    rules = {}
    for day in days:
        for word, make in [fixed(day.month, day.day), from_easter((day - easter(day.year)).days)]:
            rules[word] = make
        for back in range(7):
            start = day - dt.timedelta(back)
            word, make = weekday_from(day.weekday(), start.month, start.day)
            rules[word] = make
        for shifts in SHIFTS:
            for move in set(shifts.values()):
                start = day - dt.timedelta(move)
                word, make = shifted(start.month, start.day, shifts)
                rules[word] = make
    return rules


def clauses(days, first, last):
    """Words for these days: rules over spans of years that give nothing else, then single days."""
    left, words = set(days), []
    by_year = defaultdict(set)
    for day in days:
        by_year[day.year].add(day)
    while left:
        best = None
        for word, make in candidates(left).items():
            run, gain = [], 0

            def keep(run=None, gain=0, word=word, make=make):
                nonlocal best
                if run and gain >= 3:
                    cost = len(word) + 10 * (run[0] != first or run[-1] != last)
                    if best is None or (gain, -cost, word) > best[0]:
                        best = (gain, -cost, word), word, make, run[0], run[-1]

            for year in range(first, last + 1):
                given = {day for day in make(year)}
                if given <= by_year[year]:
                    run.append(year)
                    gain += len(given & left)
                else:
                    keep(run, gain)
                    run, gain = [], 0
            keep(run, gain)
        if best is None:
            break
        _, word, make, start, end = best
        # From and until a year that has such a day.
        if start != first:
            start = next(year for year in range(start, end + 1) if make(year) & left)
        if end != last:
            end = next(year for year in range(end, start - 1, -1) if make(year) & left)
        whole = (start, end) == (first, last)
        ends = "" if start == first else start, "" if end == last else end
        span = "" if whole else f"{ends[0]}..{ends[1]} "
        words.append(span + word)
        for year in range(start, end + 1):
            left -= make(year)
    return words + [day.isoformat() for day in sorted(left)]


def main():
    out = [
        "# Public holidays of whole countries, written by generate_countries.py from the package",
        f"# holidays {holidays.__version__} for Python (MIT licence, Copyright (c) Vacanza Team and individual contributors).",
        "#",
        "# Behind a country's code are the years that are known. A line is `name = clause; clause; ...`,",
        "# a clause one of",
        "#   12-25             a day of each year",
        "#   easter-2          that many days after Easter Sunday (Gregorian)",
        "#   mon>=05-25        the first Monday from that day on",
        "#   12-25:sat-1,sun+1 a day before where it is a Saturday, a day after where it is a Sunday,",
        "#                     else none",
        "#   2004-12-24        one day",
        "# and before it may stand the years in which it holds, as `2021..`, `..2015` or `2003..2010`.",
    ]
    golden = {}
    for code in CODES:
        country = getattr(holidays, code)
        language = {"language": "en_US"} if "en_US" in (country.supported_languages or ()) else {}
        first, last = KNOWN.get(code, (FIRST, LAST))
        table = country(years=range(first - 1, last + 2), **language)
        names = defaultdict(set)
        for day in table:
            for name in table.get_list(day):
                names[name.replace("=", "-").replace(";", ",")].add(day)
        out += ["", f"[{code} {first}..{last}]"]
        golden[code] = {}
        for name in sorted(names):
            days = {day for day in names[name] if first <= day.year <= last}
            if not days:
                continue
            out.append(f"{name} = {'; '.join(clauses(days, first, last))}")
            some = sorted(day.toordinal() - EPOCH for day in days if day.year % 3 == 0)
            golden[code][name] = some
    here = Path(__file__).parent
    table = here / "../../src/prophet/country/table.txt"
    table.write_text("\n".join(out) + "\n")
    (here / "countries.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.exit(main())
