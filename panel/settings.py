"""Django's settings, every one of them that differs between places read from the environment."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from panel import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = env.flag("TEGAMI_DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", "only-for-building-and-tests" if env.flag("TEGAMI_TESTING", False) else None)
ALLOWED_HOSTS = env.words("TEGAMI_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver")
CSRF_TRUSTED_ORIGINS = env.words("TEGAMI_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "allauth",
    "allauth.account",  # its models only, which allauth.mfa imports: none of its pages has an address here
    "allauth.mfa",
    "panel.base",
    "accounts",
    "mailsettings",
    "mailinglists",
    "reports",
]
MIDDLEWARE = [
    "mailsettings.discovery.middleware.DiscoveryHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "panel.base.client.ClientAddressMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "panel.base.outage.DatabaseAwayMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.signin.PrincipalMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
CACHES: dict[str, dict[str, object]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.text("TEGAMI_CACHE_URL"),
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if env.text("TEGAMI_CACHE_URL", "")
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
# Files that are handed in stay in memory until they are sealed: a folder for temporary files would hold passwords.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 21 * 1_048_576
ROOT_URLCONF = "panel.urls"
WSGI_APPLICATION = "panel.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.principal",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "panel.base.templatetags.tegami"],
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR}/var/run/panel.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Admin"
AUTHENTICATION_BACKENDS = ["accounts.signin.AdminBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
# Two-step login (accounts.two_step). Codes of the time step before and after count too: phones' clocks differ (RFC 6238 5.2).
MFA_ADAPTER = "accounts.two_step.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
ACCOUNT_USER_MODEL_USERNAME_FIELD = "login"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Failed sign-ins (accounts.brakes): of one account from one network, and of a network over all accounts; and for how long.
SIGN_IN_FAILURES = env.number("TEGAMI_SIGN_IN_FAILURES", 10, at_least=1)
SIGN_IN_NETWORK_FAILURES = env.number("TEGAMI_SIGN_IN_NETWORK_FAILURES", 100, at_least=1)
SIGN_IN_MINUTES = env.number("TEGAMI_SIGN_IN_MINUTES", 15, at_least=1)
# Requests to the API in a minute, of one credential or, without one, of one address; 0 = as many as one likes.
API_RATE = env.number("TEGAMI_API_RATE", 600)
# SHA-256 of bearer tokens that are not throttled (a private stack's operator).
API_UNTHROTTLED = env.words("TEGAMI_API_UNTHROTTLED")
# Networks of our own proxies (CIDR): only they may say who the client is.
PROXIES = env.networks("TEGAMI_PROXIES")
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("TEGAMI_HTTPS", False)
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "panel.base.pages.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "connect-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("TEGAMI_TIME_ZONE", "Asia/Tokyo")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("TEGAMI_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
NODE = BASE_DIR / "node_modules"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [
    BASE_DIR / "static",
    ("vendor/bootstrap", NODE / "bootstrap/dist"),
    ("vendor/htmx", NODE / "htmx.org/dist"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or env.flag("TEGAMI_TESTING", False)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "panel.base.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
}

# What the mail hosts need. Without a layout this process writes no server's file.
MAIL_HOST = env.text("TEGAMI_HOST", "mx1")
MAIL_LAYOUT = env.text("TEGAMI_LAYOUT", "")
OPERATOR_ADDRESS = env.text("TEGAMI_OPERATOR_ADDRESS", "operator@example.net")
# What signs Apple's configuration profiles: PEM files with the whole chain and its key. Unset: profiles are not signed.
PROFILE_CERTIFICATE, PROFILE_KEY = env.pair("TEGAMI_PROFILE_CERTIFICATE", "TEGAMI_PROFILE_KEY")
# Who is asked about DNS records (A20): IP addresses, `192.0.2.53` or `192.0.2.53#5353`; none = the system's resolver.
DNS_RESOLVERS = env.servers("TEGAMI_RESOLVERS", 53)
# Days between deleting a mailbox and removing its mail from disk (A3).
DELETE_GRACE_DAYS = env.number("TEGAMI_DELETE_GRACE_DAYS", 0)
# Days that entries of the audit trail are kept (RP4); 0 = for ever.
AUDIT_DAYS = env.number("TEGAMI_AUDIT_DAYS", 0)
# Whether webhooks may lead to loopback and private networks, by http and to any port (panel.base.outward).
ALLOW_PRIVATE_TARGETS = env.flag("TEGAMI_ALLOW_PRIVATE_TARGETS", False)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("TEGAMI_LOG_LEVEL", "INFO")},
}
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
