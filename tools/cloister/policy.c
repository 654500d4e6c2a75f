// SPDX-License-Identifier: Apache-2.0
// `cloister policy`: make a policy for `cloister verify`, and show one.
#include <string.h>
#include "message.h"
#include "policy.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister policy init [OPTIONS]\n"
	"       cloister policy show FILE\n"
	"\n"
	"init makes a policy for `cloister verify --policy` from what you trust, and prints it;\n"
	"show says what a policy asks for. Each list that stays empty leaves something unproven:\n"
	"the best verdict is then a warning.\n"
	"\n"
	"  --output FILE          write it there\n"
	"the zone:\n"
	"  --image IMAGE          accept this image's launch digest (see `cloister measure`)\n"
	"  --memory SIZE          with --image: as given to `cloister run`\n"
	"  --vcpus N              likewise\n"
	"  --digest HEX           accept this launch digest; may be repeated\n"
	"  --max-window PAGES     most plaintext pages\n"
	"  --max-idle MS          longest time until an idle page is sealed\n"
	"the node:\n"
	"  --ca FILE              certificates (and CRLs) of the CA that enrolled it, PEM; see\n"
	"                         `cloister node ca`\n"
	"  --crl FILE             CRLs, PEM, and no certificates\n"
	"  --accept-test-tpm      accept software TPMs: for tests only\n"
	"  --boot-reference FILE  the boot image's reference values, made beside it: its digest,\n"
	"                         the Core's command line, build and version\n"
	"  --firmware HEX         accept this PCR 0\n"
	"  --option-roms HEX      accept this PCR 2\n"
	"  --firmware-from FILE   accept PCR 0 and 2 as evidence of a machine has them that you\n"
	"                         know to be in good order; it must be one that --ca enrolled\n"
	"  --require-iommu        refuse a node without an IOMMU\n"
	"  --require-remapping    refuse one without remapping of interrupts\n"
	"All that name values may be repeated.\n"
	"  --help                 this text\n";

int verb_policy(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "--help"))
		return verb_help(help);
	if (argc >= 2 && !strcmp(argv[1], "init"))
		return policy_init(argc - 1, argv + 1);
	if (argc == 3 && !strcmp(argv[1], "show"))
		return policy_show(argv[2]);
	return fail(EXIT_USAGE, "policy: init or show expected; see `cloister policy --help`");
}
