{#- What postfix_sasl.show says for this host's pillar, against what is there now.

    salt-ssh hands the pillar to states alone; the host knows it as saltcheck itself does. #}
{%- if "running_data/var/run/salt-minion.pid" in opts["pidfile"] %}
postfix_sasl-config-not-through-salt-ssh:
  module_and_function: postfix_sasl.show
  assertion: assertNotEmpty
  skip: true
{%- else %}
{%- set wanted = salt["postfix_sasl.show"](saltenv=saltenv) %}
{%- set ports = {
  "smtp/inet": 25, "submission/inet": 587, "submissions/inet": 465, "smtps/inet": 465, "465/inet": 465,
} %}
postfix_sasl-config-answers-as-configured:
  module_and_function: postfix_sasl.status
  kwargs: {settings: {}}
  assertions:
    - {assertion: assertTrue, assertion_section: running}
    - {assertion: assertEmpty, assertion_section: wrong}

{%- for name, one in wanted["main.cf"].items() if one.origin != "host" and one.value and one.value != "(hidden)" %}

postfix_sasl-config-{{ name }}:
  module_and_function: postconf.get
  args: [{{ name | json }}]
  assertion: assertEqual
  {#- postconf prints any white space as one blank #}
  expected_return: {{ one.value.split() | join(" ") | json }}
{%- endfor %}

{%- for name, one in wanted["master.cf"].items() if name in ports and one.entry.value %}

postfix_sasl-config-port-{{ ports[name] }}-open:
  module_and_function: postfix_sasl.probe
  kwargs: {port: {{ ports[name] }}}
  assertion: assertTrue
  assertion_section: connected
{%- if one.options.get("smtpd_sasl_auth_enable", {}).get("value") == "yes" %}

postfix_sasl-config-port-{{ ports[name] }}-auth-after-tls:
  module_and_function: postfix_sasl.probe
  kwargs: {port: {{ ports[name] }}}
  assertion: assertNotEmpty
  assertion_section: auth_tls
{%- endif %}
{%- endfor %}

{%- for path, one in wanted["files"].items() if one.value is mapping %}

postfix_sasl-config-{{ path }}:
  module_and_function: file.stats
  args: [{{ path | json }}]
  assertions:
  {%- for name in ("user", "group", "mode") %}
    - assertion: assertEqual
      assertion_section: {{ name }}
      expected_return: {{ one.value[name] | json }}
  {%- endfor %}
{%- endfor %}

{%- for name, one in wanted["services"].items() if one.value and one.value.running %}

postfix_sasl-config-service-{{ name }}:
  module_and_function: service.status
  args: [{{ name | json }}]
  assertion: assertTrue
{%- endfor %}
{%- endif %}
