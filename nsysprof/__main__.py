"""``python -m nsysprof`` is the command ``nsysprof``."""

from nsysprof.commands import main

if __name__ == "__main__":
    main()
