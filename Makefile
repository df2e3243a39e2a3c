# Tegami: `make help` lists the commands. Set-up happens by itself, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
STACK := $(PYTHON) -m mailsettings.servers.stack

.PHONY: run test stack stack-stop lint bench messages help

run:  ## the panel at http://127.0.0.1:8000 with demo data, and with root the mail servers beside it
	@deploy/set-up run
	@exec $(STACK) run --name run

test:  ## the whole suite, the tests with real servers included (these need root)
	@deploy/set-up test
	@exec deploy/run-tests

stack:  ## everything real on loopback, detached; writes var/stack/stack.json
	@deploy/set-up stack
	@$(STACK) start --name stack

stack-stop:  ## end exactly what `make stack` started
	@$(STACK) stop --name stack

lint:  ## static checks: ruff, mypy, djlint, imports, translations
	@deploy/set-up test
	@exec deploy/lint

bench:  ## benchmarks, as a table
	@deploy/set-up test
	@exec $(PYTHON) -m bench

messages:  ## collect the texts to translate into locale/
	@deploy/set-up test
	@$(PYTHON) deploy/messages.py

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
