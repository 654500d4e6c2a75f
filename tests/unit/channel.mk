# The attested channel, with forged evidence of both sides.
UNIT += channel
CHANNEL_src := $(addprefix channel/,binding.c channel.c key.c message.c tls.c)
channel_src = tests/unit/channel.c $(CHANNEL_src) verify/socket.c $(FORGE_src)
channel_flags = $(FORGE_flags)
channel_libs = -lssl $(FORGE_libs)

$(BUILD)/unit/channel: $(wildcard channel/*.h verify/*.h)
