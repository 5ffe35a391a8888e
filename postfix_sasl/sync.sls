{#- Custom modules reach a minion only by a sync. It is done here where it is due, and costs
    nothing where it isn't: only the mark in the synced file is looked at. Looking for a function
    instead would make the loader remember that there is none. #}
{%- from "postfix_sasl/version.jinja" import version %}
{%- set mark = opts["extension_modules"] ~ "/utils/postfix_sasl_version.py" %}
{%- if not salt["file.file_exists"](mark) or version not in salt["file.read"](mark) %}
{%- do salt["saltutil.sync_all"](saltenv=saltenv) %}

postfix_sasl-sync-modules:
  test.nop:
    - reload_modules: true
    - order: first
{%- endif %}
