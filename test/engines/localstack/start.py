"""Starts LocalStack on this host, without containers and without downloads."""
import functions
import jsonata
import resources

functions.install()
jsonata.install()
resources.install()

from localstack.runtime.main import main  # noqa: E402

main()
