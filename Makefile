# Each target is a thin name for something that can be run without make.
INVENTORY ?= hosts
export INVENTORY
.DEFAULT_GOAL := help
.PHONY: help up test check status down bench life

help: ## say what each target does
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

up: ## install what is missing on this machine, then run ansible-playbook -i $(INVENTORY) z2jh.yml
	@scripts/up.sh

test: ## everything: make check, make up if needed, tests on the live deployment with a real browser
	@scripts/test.sh

check: ## lint, types, unit and chart tests; needs no cluster
	@scripts/check.sh

status: ## where the platform runs, as key: value lines
	@scripts/status.sh

down: ## remove what make up made, nothing else; asks first
	@scripts/down.sh

bench: ## measure the live deployment and print a table
	@scripts/bench.sh

life: ## break the live deployment on purpose and see it recover; long, and all homes on it are lost
	@scripts/life.sh
