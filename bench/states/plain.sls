{#- The recipe as it is usually written down: one postconf for each setting, unless it is so. #}
{%- import_json "plain.json" as recipe %}
{%- set directory = "/var/spool/postfix/var/run/saslauthd" %}

bench-plain-packages:
  pkg.installed:
    - pkgs: {{ recipe.packages | json }}

{%- for path, text in recipe.files.items() %}

{{ path }}:
  file.managed:
    - contents: {{ text | json }}
    - makedirs: true
    - require:
      - pkg: bench-plain-packages
{%- endfor %}

bench-plain-statoverride:
  cmd.run:
    - name: dpkg-statoverride --force-all --update --add root sasl 710 {{ directory }}
    - unless: dpkg-statoverride --list {{ directory }}
    - require:
      - pkg: bench-plain-packages

bench-plain-directory:
  file.directory:
    - name: {{ directory }}
    - user: root
    - group: sasl
    - mode: '0710'
    - makedirs: true
    - require:
      - cmd: bench-plain-statoverride

bench-plain-group:
  cmd.run:
    - name: gpasswd -a postfix sasl
    - unless: id -nG postfix | grep -qw sasl
    - require:
      - pkg: bench-plain-packages

{%- for name, value in recipe.main.items() %}

bench-plain-main-{{ name }}:
  cmd.run:
    - name: {{ ("postconf -e '" ~ name ~ " = " ~ value ~ "'") | json }}
    - unless: {{ ("postconf -h " ~ name ~ " | grep -qxF -- '" ~ value ~ "'") | json }}
    - require:
      - pkg: bench-plain-packages
    - watch_in:
      - service: bench-plain-postfix
{%- endfor %}

{%- for key, entry in recipe.master.items() %}
{%- set service, kind = key.rsplit("/", 1) %}
{%- set columns = [service, kind, entry.private, entry.unprivileged, entry.chroot, entry.wakeup,
                   entry.process_limit, entry.command] | join(" ") %}

bench-plain-master-{{ key }}:
  cmd.run:
    - name: {{ ("postconf -M '" ~ key ~ "=" ~ columns ~ "'") | json }}
    - unless: {{ ("postconf -M " ~ key ~ " | grep -q " ~ entry.command) | json }}
    - require:
      - pkg: bench-plain-packages
    - watch_in:
      - service: bench-plain-postfix
{%- for name, value in entry.options.items() %}

bench-plain-master-{{ key }}-{{ name }}:
  cmd.run:
    - name: {{ ("postconf -P '" ~ key ~ "/" ~ name ~ "=" ~ value ~ "'") | json }}
    - unless: {{ ("postconf -P " ~ key ~ "/" ~ name ~ " | grep -qF -- '" ~ value ~ "'") | json }}
    - require:
      - cmd: bench-plain-master-{{ key }}
    - watch_in:
      - service: bench-plain-postfix
{%- endfor %}
{%- endfor %}

bench-plain-saslauthd:
  service.running:
    - name: saslauthd-postfix
    - enable: true
    - require:
      - file: bench-plain-directory
    - watch:
{%- for path in recipe.files %}
      - file: {{ path }}
{%- endfor %}

bench-plain-postfix:
  service.running:
    - name: postfix
    - enable: true
    - reload: true
    - require:
      - service: bench-plain-saslauthd
