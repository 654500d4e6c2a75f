// SPDX-License-Identifier: Apache-2.0
/*
 * Whom the sides of an attested channel (channel/) believe, with an attacker who owns the network,
 * has a TLS key of its own, may be either end of any connection, and has every piece of evidence
 * that was ever sent: evidence is no secret. Cryptography is ideal. What is left is the question
 * of what evidence has to name, so that it is good for one connection, one direction and one key.
 *
 * Two zones: a, which begins connections, and b, which answers them, each SESSIONS times, one after
 * the other or at once. Each connection is between the two, or between one of them and the
 * attacker. Which nonce the attacker says, which of its keys it uses, and which evidence it shows
 * is open: spin tries all.
 *
 * Shown: whoever believes evidence is connected to the zone that made it, for that connection
 * (injective agreement); and the two zones do believe each other.
 *
 * Every FAULT_ leaves out members of the binding, and some give the attacker a power: it must be
 * found. No one member's absence is: each attack has two in its way (docs/attested-channel.md).
 * With STOLEN_KEY or ORACLE alone nothing must be found either.
 */
#ifndef SESSIONS
#define SESSIONS 2
#endif
#define ALL	(2 * SESSIONS)	/* a's sessions, then b's */
#define NOBODY	255
#define INITIATOR 0
#define RESPONDER 1

/* Keys: of the zones, for channels; of their report services; the attacker's. */
#define KEY_A 1
#define KEY_B 2
#define KEY_ATTACKER 3

#ifdef FAULT_RELAY /* neither the connection nor its ends are named */
#define NO_EXPORTER
#define NO_KEYS
#endif
#ifdef FAULT_REFLECTION /* nor who speaks */
#define NO_ROLE
#define NO_KEYS
#endif
#ifdef FAULT_REPLAY /* nothing that is new each time, and a's key has got out */
#define NO_EXPORTER
#define NO_NONCES
#define STOLEN_KEY
#endif
#ifdef FAULT_DIVERSION /* not to whom it was said, and a's key has got out */
#define NO_EXPORTER
#define NO_PEER_KEY
#define STOLEN_KEY
#endif
#ifdef FAULT_SERVICE /* a's report service answers for the channel's key; whose, nobody looks */
#define ORACLE
#define NO_OWN_KEY
#endif

typedef Evidence {
	byte role;
	byte ni, nr;	 /* nonces */
	byte exporter;
	byte ki, kr;	 /* both keys, in the binding */
	byte key;	 /* that the report names */
}

Evidence shown[ALL]; /* by which session: what nobody can see */
bit proved[ALL];     /* it is there */

/* What each session knows of its connection. */
byte partner[ALL];  /* session at the other end, or NOBODY: the attacker */
byte exporter[ALL]; /* one of its own for each connection; 0: not connected yet */
byte peer_key[ALL];
byte peer_nonce[ALL];
byte connections;

#define ROLE(me)     ((me) < SESSIONS -> INITIATOR : RESPONDER)
#define OWN_KEY(me)  ((me) < SESSIONS -> KEY_A : KEY_B)
#define NONCE(me)    ((me) + 1)

#define NI(me) (ROLE(me) == INITIATOR -> NONCE(me) : peer_nonce[me])
#define NR(me) (ROLE(me) == INITIATOR -> peer_nonce[me] : NONCE(me))
#define KI(me) (ROLE(me) == INITIATOR -> OWN_KEY(me) : peer_key[me])
#define KR(me) (ROLE(me) == INITIATOR -> peer_key[me] : OWN_KEY(me))

inline prove(me)
{
	atomic {
		shown[me].role = ROLE(me);
		shown[me].ni = NI(me);
		shown[me].nr = NR(me);
		shown[me].exporter = exporter[me];
		shown[me].ki = KI(me);
		shown[me].kr = KR(me);
		shown[me].key = OWN_KEY(me);
		proved[me] = 1
	}
}

/* channel_binding() and cl_verifier_check(), as far as they name things. */
#ifdef NO_ROLE
#define SAME_ROLE(e, me) true
#else
#define SAME_ROLE(e, me) (shown[e].role == 1 - ROLE(me))
#endif
#ifdef NO_NONCES
#define SAME_NONCES(e, me) true
#else
#define SAME_NONCES(e, me) (shown[e].ni == NI(me) && shown[e].nr == NR(me))
#endif
#ifdef NO_EXPORTER
#define SAME_EXPORTER(e, me) true
#else
#define SAME_EXPORTER(e, me) (shown[e].exporter == exporter[me])
#endif
#ifdef NO_KEYS
#define SAME_KEYS(e, me) true
#else
#define SAME_KEYS(e, me) (SAME_OWN(e, me) && SAME_PEER(e, me))
#endif
/* The key of whoever shows it, in report and binding; and the one that it was shown to. */
#ifdef NO_OWN_KEY
#define SAME_OWN(e, me) true
#else
#define SAME_OWN(e, me)                                                                            \
	(shown[e].key == peer_key[me] &&                                                           \
	 (ROLE(me) == INITIATOR -> shown[e].kr == KR(me) : shown[e].ki == KI(me)))
#endif
#ifdef NO_PEER_KEY
#define SAME_PEER(e, me) true
#else
#define SAME_PEER(e, me)                                                                           \
	(ROLE(me) == INITIATOR -> shown[e].ki == KI(me) : shown[e].kr == KR(me))
#endif

#define GOOD(e, me)                                                                                 \
	(SAME_ROLE(e, me) && SAME_NONCES(e, me) && SAME_EXPORTER(e, me) && SAME_KEYS(e, me))

inline connect_to_attacker(me)
{
	connections++;
	partner[me] = NOBODY;
	exporter[me] = connections;
	peer_key[me] = KEY_ATTACKER;
#ifdef STOLEN_KEY
	if
	:: true
	:: OWN_KEY(me) != KEY_A -> peer_key[me] = KEY_A
	fi;
#endif
	/* It knows every nonce that was said, and may say it again, or one of its own. */
	select(n : 0 .. ALL);
	peer_nonce[me] = n;
	n = 0
}

inline connect(me)
{
	if
	:: atomic { exporter[me] == 0 -> connect_to_attacker(me) }
	:: atomic {
		exporter[me] == 0 && ROLE(me) == INITIATOR ->
		select(other : SESSIONS .. ALL - 1);
		if
		:: exporter[other] == 0 ->
		   connections++;
		   exporter[me] = connections;
		   exporter[other] = connections;
		   partner[me] = other;
		   partner[other] = me;
		   peer_key[me] = OWN_KEY(other);
		   peer_key[other] = OWN_KEY(me);
		   peer_nonce[me] = NONCE(other);
		   peer_nonce[other] = NONCE(me)
		:: else -> connect_to_attacker(me)
		fi;
		other = 0
	   }
	:: exporter[me] != 0 /* an initiator has connected to this one */
	fi
}

inline believe(me)
{
	if
	:: atomic {
		partner[me] != NOBODY && proved[partner[me]] ->
		assert(GOOD(partner[me], me))
	   }
	:: atomic {
		partner[me] == NOBODY ->
		select(e : 0 .. ALL - 1);
		assert(!proved[e] || !GOOD(e, me));
		e = 0
	   }
#ifdef ORACLE
	/* a's service reports whatever binding the attacker asks for; the key is the service's. */
#ifdef NO_OWN_KEY
	:: partner[me] == NOBODY -> assert(false)
#else
	:: partner[me] == NOBODY -> assert(peer_key[me] != KEY_A)
#endif
#endif
	fi
}

proctype Session(byte me)
{
	byte n, e, other;

	connect(me);
	if
	:: ROLE(me) == INITIATOR -> prove(me); believe(me)
	:: else -> believe(me); prove(me)
	fi
}

init {
	byte i;

	atomic {
		for (i : 0 .. ALL - 1) {
			run Session(i)
		}
	}
}
