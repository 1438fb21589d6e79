# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report, as a template of Jinja2; page.py gives it its values. Twin of style.py.

Everything is escaped but the style sheet. There is no script, and the policy in the head would let none run. The table
of all databases says its roles because the style sheet makes it a list on a phone, by which it would lose them.
"""

from __future__ import annotations

_MACROS = """
{% macro when(moment) -%}
<time datetime="{{ moment.isoformat() }}">{{ moment | moment }}</time>
{%- endmacro %}

{% macro day_and_time(moment) -%}
{% set text = moment | moment %}<b>{{ text[:10] }}</b>{{ text[10:] }}
{%- endmacro %}

{% macro name(text) -%}
<bdi>{{ text | visible }}</bdi>
{%- endmacro %}

{% macro message(text) -%}
<bdi>{{ text | sentence or "no message" }}</bdi>
{%- endmacro %}

{% macro where(one) -%}
<small>{{ name(one.database_id) }} on {{ name(one.hostname) }}</small>
{%- endmacro %}

{% macro pill(label) -%}
<span class="pill {{ label.tone }}">{{ label.text }}</span>
{%- endmacro %}

{% macro shape(curve) -%}
<path class="l" d="{{ curve.line }}"/><path class="p" d="{{ curve.dot }}"/>
{%- endmacro %}

{% macro heading(names) -%}
<thead><tr>{% for each in names %}<th scope="col">{{ each }}</th>{% endfor %}</tr></thead>
{%- endmacro %}

{% macro cell(label, kind="") -%}
<td role="cell"{% if kind %} class="{{ kind }}"{% endif %}
  {%- if label %} data-label="{{ label }}"{% endif %}><div>{{ caller() }}</div></td>
{%- endmacro %}

{% macro drawing(kind, title) -%}
<svg{% if kind %} class="{{ kind }}"{% endif %} viewBox="0 0 600 100" preserveAspectRatio="none" role="img"
  aria-label="{{ title }}">
  {{ caller() }}
</svg>
{%- endmacro %}

{% macro plot(curve, caption, text, id) %}
<figure>
  <figcaption>{{ caption }}</figcaption>
  <div class="plot">
    {% call drawing("", caption ~ ": " ~ curve | told(text)) %}
      {% if id %}<use href="#{{ id }}"/>{% else %}{{ shape(curve) }}{% endif %}
    {% endcall %}
    <div class="scale" aria-hidden="true"><span>{{ text(curve.highest) }}</span><span>0</span></div>
    <div class="axis" aria-hidden="true">
      <span>{{ curve.first.date() }}</span><span>{{ curve.last.date() }}</span>
    </div>
  </div>
</figure>
{% endmacro %}

{% macro failures(listed) %}
<table>{{ heading(["Last time", "What", "Times", "Message"]) }}<tbody>
{% for one in listed[:20] %}
<tr><td class="num">{{ day_and_time(one.last) }}</td><td>{{ one.operation }} {{ one.status }}</td>
<td>{% if one.times > 1 %}{{ one.times }}, since {{ one.first.date() }}{% else %}once{% endif %}</td>
<td class="text">{{ message(one.message) }}</td></tr>
{% endfor %}
</tbody></table>
{% if listed | length > 20 %}
<p class="muted">and {{ listed | length - 20 }} other kinds</p>
{% endif %}
{% endmacro %}
"""

_HEAD = """
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="{{ digest_name }}" content="{{ digest }}">
<title>{{ title | visible }}</title>
<style>{{ sheet | safe }}</style>
</head>
"""

_OVERVIEW = """
<body>
<a class="skip" href="#databases">Skip to the databases</a>
<header>
  <div class="top"><h1>{{ name(title) }}</h1><small>{{ when(data.generated_at) }}</small></div>
  <div class="verdict card">
    <span class="sign {{ verdict.tone }}" aria-hidden="true">{{ verdict.sign }}</span>
    <div><p>{{ verdict.text }}</p><p class="muted">{{ verdict.more }}</p></div>
  </div>
  <dl class="tiles">
  {% for tile in tiles %}
    <div class="card"><dt>{{ tile.text }}</dt><dd class="{{ tile.tone }}">{{ tile.value }}</dd></div>
  {% endfor %}
  </dl>
</header>
<main>
<section class="panel card" aria-label="Backups of the last {{ data.window_days }} days">
  <p class="legend">
    <strong>Backups of the last {{ data.window_days }} days</strong>
    <span class="good"><i></i>{{ good_runs }} good</span>
    <span class="bad"><i></i>{{ failed_runs }} failed</span>
  </p>
  {% call drawing("days", good_runs ~ " good and " ~ failed_runs ~ " failed in " ~ data.window_days ~ " days") %}
  {% for bar in bars %}
    <g><title>{{ bar.day.day }}: {{ bar.day.good }} good, {{ bar.day.failed }} failed</title>
    {% for part in bar.parts %}
      <rect class="{{ part.kind }}" x="{{ bar.x }}" y="{{ part.y }}"
        width="{{ bar.width }}" height="{{ part.height }}"/>
    {% endfor %}
    </g>
  {% endfor %}
  {% endcall %}
  <p class="axis" aria-hidden="true"><span>{{ data.days[0].day }}</span><span>{{ data.days[-1].day }}</span></p>
</section>
{% if data.notes or data.problems %}
<h2>Worth knowing</h2>
<ul class="card list">
{% for each in data.notes + data.problems %}
  <li class="text">{{ message(each) }}</li>
{% endfor %}
</ul>
{% endif %}
"""

_TABLE = """
<h2 id="databases">Databases</h2>
{% if not views %}
<p class="card panel">There is no backup of any database.</p>
{% else %}
<div class="card wrap"><table class="all" role="table">
<thead role="rowgroup"><tr role="row">
{% for each in columns %}
  <th role="columnheader" scope="col">{{ each }}</th>
{% endfor %}
</tr></thead>
<tbody role="rowgroup">
{% for view in views %}
  {% set one = view.database %}
  <tr role="row">
  <th role="rowheader" scope="row"><a href="#d{{ view.number }}">{{ name(one.name) }}</a>{{ where(one) }}</th>
  {% call cell(columns[1]) %}
    {{ pill(view.state) }}{% if one.last_attempt_failed %} {{ pill(failing) }}{% endif %}
  {% endcall %}
  {% call cell(columns[2]) %}
    {% if one.last_good %}
    {{ one.last_good.timestamp | age }}<small class="num">{{ when(one.last_good.timestamp) }}</small>
    {% else %}
    never
    {% endif %}
  {% endcall %}
  {% call cell(columns[3]) %}
    {{ pill(view.proof) }}
    {% if one.last_verified %}
    <small>{{ one.last_verified.verified_at | age }}, by {{ one.last_verified.level }}</small>
    {% endif %}
  {% endcall %}
  {% call cell(columns[4]) %}
    {% if one.last_good %}<span class="num">{{ one.last_good.size_bytes | size }}</span>{% else %}&mdash;{% endif %}
    {% if view.sizes %}
    {% call drawing("spark", "Size: " ~ view.sizes | told(size)) %}
      <g id="c{{ view.number }}">{{ shape(view.sizes) }}</g>
    {% endcall %}
    {% endif %}
  {% endcall %}
  {% call cell(columns[5], "num") %}
    {% if one.last_good %}{{ one.last_good.duration_seconds | span }}{% else %}&mdash;{% endif %}
    {% if one.typical_seconds is not none %}<small>median {{ one.typical_seconds | span }}</small>{% endif %}
  {% endcall %}
  {% call cell(columns[6], "num") %}
    {% if one.failures %}<strong class="bad">{{ one.failures_count }}</strong>{% else %}none{% endif %}
  {% endcall %}
  {% call cell(columns[7], "num") %}
    {% if one.plan %}
    {{ one.plan.kept }} kept<small>{{ one.plan.removed }} to go</small>
    {% else %}
    {{ one.artifacts }}<small>artifact{{ "" if one.artifacts == 1 else "s" }}</small>
    {% endif %}
  {% endcall %}
  </tr>
{% endfor %}
</tbody></table></div>
{% endif %}
"""

_INSTANCES = """
{% if data.instances %}
<h2>Instances</h2>
{% for each in data.instances %}
<div class="card panel">
  <h3>{{ name(each.database_id) }} <small>on {{ name(each.hostname) }}</small>
    {% if each.silent %}{{ pill(silent) }}{% endif %}</h3>
  {% if each.silent %}<p>It is to be backed up, but the storage has no backup of it.</p>{% endif %}
  {% if each.failures %}<div class="within">{{ failures(each.failures) }}</div>{% endif %}
</div>
{% endfor %}
{% endif %}
"""

_FACTS = """
<dl class="facts">
  <div><dt>Last good backup</dt><dd>
    {% if one.last_good %}
    {{ one.last_good.timestamp | age }}, {{ one.last_good.size_bytes | size }}
    <small>{{ when(one.last_good.timestamp) }}, took {{ one.last_good.duration_seconds | span }}</small>
    {% else %}
    never
    {% endif %}
  </dd></div>
  <div><dt>Last verified</dt><dd>
    {% if one.last_verified %}
    {{ one.last_verified.verified_at | age }}, by {{ one.last_verified.level }}
    {% set seconds = one.last_verified.restore_seconds %}
    <small>the backup of {{ when(one.last_verified.backup_timestamp) }}
      {%- if seconds is not none %}, restored in {{ seconds | span }}{% endif %}</small>
    {% else %}
    never
    {% endif %}
  </dd></div>
  <div><dt>In the storage</dt><dd>
    {{ one.artifacts }} artifact{{ "" if one.artifacts == 1 else "s" }}, {{ one.stored_bytes | size }}
    <small>{{ one.database_type or "of unknown type" }}</small>
  </dd></div>
  {% if one.last_drill_failure and one.proof == "failed" %}
  <div><dt>Last drill</dt><dd>
    <span class="bad">failed {{ one.last_drill_failure.verified_at | age }}</span>
    <small class="text">{{ message(one.last_drill_failure.error_message or "") }}</small>
  </dd></div>
  {% endif %}
</dl>
{% if one.last_good_file %}
<p class="muted file">The last good one is <code>{{ name(one.last_good_file) }}</code></p>
{% endif %}
"""

_CHARTS = """
{% if view.sizes %}
<div class="charts">
  {{ plot(view.sizes, "Size of the good backups", size, "c" ~ view.number) }}
  {{ plot(view.durations, "Time that they took", span, none) }}
</div>
{% if one.history_total > one.history | length %}
<p class="muted">{{ one.history | length }} of {{ one.history_total }} backups are drawn.</p>
{% endif %}
{% endif %}
"""

_PLAN = """
{% if one.plan %}
<h4>Retention{% if not data.cleanup_enabled %}, which is not enabled{% endif %}</h4>
<p class="muted">It keeps {{ one.plan.kept }} ({{ one.plan.kept_bytes | size }}) and removes {{ one.plan.removed }}
  ({{ one.plan.removed_bytes | size }}).</p>
<table class="plan">{{ heading(["Taken at", "Size", "Next", "Why"]) }}<tbody>
{% for each in one.plan.decisions %}
<tr><td>{{ day_and_time(each.timestamp) }}</td><td>{{ each.size_bytes | size }}</td>
<td class="{{ "good" if each.keep else "warn" }}">{{ "kept" if each.keep else "removed" }}</td>
<td>{{ each.reasons | join(", ") | sentence }}</td></tr>
{% endfor %}
</tbody></table>
{% set more = one.plan.kept + one.plan.removed - one.plan.decisions | length %}
{% if more %}<p class="muted">and {{ more }} older</p>{% endif %}
{% endif %}
"""

_DETAILS = (
    """
{% if views %}
<h2>In detail</h2>
{% for view in views %}
{% set one = view.database %}
<details class="card">
  <summary>
    <h3>{{ name(one.name) }}</h3>{{ where(one) }}{{ pill(view.state) }}{{ pill(view.proof) }}
  </summary>
  <div class="inner" id="d{{ view.number }}">
"""
    + _FACTS
    + _CHARTS
    + """
    {% if one.failures %}
    <h4>Failures of the last {{ data.window_days }} days</h4>
    {{ failures(one.failures) }}
    {% endif %}
"""
    + _PLAN
    + """
  </div>
</details>
{% endfor %}
{% endif %}
</main>
"""
)

_FOOT = """
<footer><p>Made by vya.backupdb on {{ name(data.hostname) }} from <code>{{ name(data.base_path) }}</code>
{%- if data.has_audit %} and the audit log{% endif %}. Ages are those of {{ when(data.generated_at) }}.
A backup is stale when it is older than {{ data.max_age_seconds | span }}, and a proof outdated when it is older than
{{ data.verified_within_seconds | span }}.</p></footer>
</body>
</html>
"""

_WHOLE = _MACROS + _HEAD + _OVERVIEW + _TABLE + _INSTANCES + _DETAILS + _FOOT
#: Without what only makes it readable here, which would be half of a page of many databases.
PAGE = "\n".join(line.strip() for line in _WHOLE.splitlines() if line.strip())
