"""The pillar that a function works with: given to it as it is, or made of a template by Salt."""

import json

import postfix_sasl_settings
import salt.pillar
from postfix_sasl_settings import BadPillar


class Source:
    """Where what an argument ``settings`` stands for comes from.

    Each function takes such an argument: the pillar ``postfix_sasl`` as a dictionary, or the
    ``salt://`` URL of a template that renders to it. Each raises BadPillar.

    host
        This host, see ``postfix_sasl_parts.Host``.
    grains
        Its grains, ``__grains__``.
    """

    def __init__(self, host, grains):
        self.host, self.grains = host, grains

    def checked(self, settings):
        """Return the checked settings; in a state run a template is rendered only once for all.

        The context of a state run ends with it, and is known by the file client that Salt keeps
        there. Any other context lives as long as a minion that does not fork.
        """
        if not isinstance(settings, str):
            return postfix_sasl_settings.check(settings)
        kept = self.host.context if "fileclient" in self.host.context else {}
        key = f"postfix_sasl.settings {self.host.saltenv} {settings}"
        if key not in kept:
            kept[key] = postfix_sasl_settings.check(self.rendered(settings))
        return kept[key]

    def checked_now(self, settings):
        """Return the checked settings; those of a template as a state run would get them now."""
        return postfix_sasl_settings.check(self.now(settings))

    def now(self, settings):
        """Return the pillar, not checked; of a template as a state run would get it now."""
        if isinstance(settings, str):
            return self.rendered(settings, {"pillar": self._compiled()})
        return settings

    def rendered(self, url, context=None):
        """Return the data that the template of the URL *url* renders to, given this *context*."""
        saltenv = self.host.saltenv
        text = self.host.salt["cp.get_file_str"](url, saltenv=saltenv)
        if not text:
            raise BadPillar(
                f"settings: there is no file {url}; is the formula in file_roots? salt-ssh hands "
                "the pillar and files to states alone: state.apply postfix_sasl test=True"
            )
        rendered = self.host.salt["file.apply_template_on_contents"](
            text, template="jinja", context=context or {}, defaults={}, saltenv=saltenv
        )
        try:
            return json.loads(rendered)
        except (TypeError, ValueError) as error:
            raise BadPillar(f"settings: {url} does not render to JSON: {error}") from None

    def _compiled(self):
        """Return the pillar as it is now; a minion's memory may have an older one."""
        opts = self.host.opts
        from_saltenv = opts.get("pillarenv_from_saltenv")
        env = self.host.saltenv if from_saltenv else opts.get("pillarenv")
        compiler = salt.pillar.get_pillar(
            opts, dict(self.grains), opts["id"], opts.get("saltenv"), pillarenv=env
        )
        found = compiler.compile_pillar()
        if "_errors" in found:
            raise BadPillar(f"pillar: {'; '.join(map(str, found['_errors']))}")
        return found
