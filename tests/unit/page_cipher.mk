UNIT += page_cipher
page_cipher_src := tests/unit/page_cipher.c $(wildcard core/cipher/*.c)
page_cipher_libs := -lbearssl -lcrypto
