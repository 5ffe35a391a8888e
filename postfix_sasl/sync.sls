{#- Custom modules reach a minion only by a sync. It is done here where it is due, and costs
    nothing where it isn't: only the mark in the synced file is looked at. Looking for a function
    instead would make the loader remember that there is none. The state below reloads what this
    run has loaded, and tells a minion that forks for each job; a refresh besides would take
    longer than all the rest.

    salt-ssh, which has thin_dir, sends the modules itself, those in _utils from 3007 on. A sync
    there would delete them on the host, and each question costs a connection. #}
{%- from "postfix_sasl/version.jinja" import version %}
{%- if "thin_dir" in opts %}
{%- if grains["saltversioninfo"][0] < 3007 %}
postfix_sasl-sync-modules:
  test.fail_without_changes:
    - name: salt-ssh {{ grains["saltversion"] }} does not send _utils; this takes 3007 or later
    - failhard: true
    - order: first
{%- endif %}
{%- else %}
{%- set mark = opts["extension_modules"] ~ "/utils/postfix_sasl_version.py" %}
{%- if not salt["file.file_exists"](mark) or version not in salt["file.read"](mark) %}
{%- set forks = opts.get("multiprocessing", true) %}
{%- do salt["saltutil.sync_all"](saltenv=saltenv, refresh=not forks) %}

postfix_sasl-sync-modules:
  test.nop:
    - force_reload_modules: true
    - order: first
{%- endif %}
{%- endif %}
