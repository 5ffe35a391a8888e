{#- A dry run. Only saltcheck.state_apply has the pillar and the files of a master here, and it
    takes but one assertion, that something is not empty: the result is None where a state would
    change something. Through salt-ssh it has neither pillar nor files. #}
postfix_sasl-drift-none:
  module_and_function: saltcheck.state_apply
  args: [postfix_sasl]
  kwargs: {test: true, saltenv: {{ saltenv }}}
  skip: {{ "running_data/var/run/salt-minion.pid" in opts["pidfile"] }}
  output_details: true
  assertions:
  {%- for part in ("package", "pam", "saslauthd", "tls", "config", "fetchmail", "fail2ban", "drift") %}
  {%- set id = "postfix_sasl-" ~ part ~ "-applied" %}
    - assertion_section: postfix_sasl_|-{{ id }}_|-{{ id }}_|-applied:result
  {%- endfor %}
