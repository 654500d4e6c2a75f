/* SPDX-License-Identifier: Apache-2.0 */
/* All that runs while the issuer serves, and the signals that steer it. */
#ifndef CLOISTER_ISSUER_SERVICE_H
#define CLOISTER_ISSUER_SERVICE_H

#include "../../issuer/serve.h"
#include "credential.h"
#include "federation.h"
#include "rules.h"
#include "state.h"

struct service {
	struct rules *rules;
	struct credential *credential; /* of the bundle endpoint; NULL: there is none */
	struct federation *federation; /* NULL: there is none */
	struct issuer issuer;	       /* with the keyring */
	int listener;
};

/* Before any thread is made: from now on signals wait for service_run(). 0 or a negative errno. */
int service_signals(void);

/*
 * Serve until SIGTERM or SIGINT; SIGHUP reads the files again and
 * fetches other trust domains' bundles. Keys are changed when it is time. 0
 * or a negative errno.
 */
int service_run(struct service *service);

#endif
