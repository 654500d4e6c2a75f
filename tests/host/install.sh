#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `cloister node check`, `install` and `uninstall` on a file tree that plays a Debian machine: what
# they find, what they write, and that uninstall gives back every byte, whatever was interrupted.
# efibootmgr and update-grub are played, too, and write down how they were called.
. tests/host/lib.bash

build=$(realpath "${BUILD:-build}")
node=("$build/bin/cloister" node)
export CLOISTER_LIBDIR=$tmp/lib PATH=$tmp/bin:$PATH CALLS=$tmp/calls ENTRIES=$tmp/entries
tree=$tmp/tree esp=$tmp/tree/boot/efi
# This machine's firmware and block devices are played, too, by a directory in the place of /sys.
sys=$tmp/sys
alone() { unshare -rm sh -c 'mount -t tmpfs none /mnt' 2>/dev/null; }
above_sys=("${node[@]}")
! alone || above_sys=(unshare -rm sh -c 'mount --bind "$0" /sys && exec "$@"' "$sys" "${node[@]}")
mkdir -p "$tmp/lib" "$tmp/bin" "$sys"/{firmware/efi,dev/block,devices/nvme0n1/nvme0n1p1}
echo 1 >"$sys/devices/nvme0n1/nvme0n1p1/partition"
cp "$build/boot/cloister.efi" "$build/core/cloister-core.elf" share/node/* "$tmp/lib"

# The firmware's boot entries are lines of a file. HOW=die: it kills who called it, once the entry is
# made; HOW=fail: it makes none.
cat >"$tmp/bin/efibootmgr" <<'SH'
#!/bin/bash
echo "efibootmgr $*" >>"$CALLS"
case " $* " in
*" --create"*)
	[ "${HOW:-}" != fail ] || { echo "efibootmgr: no" >&2; exit 5; }
	echo "Boot0007* Cloister	HD(1,GPT,x)/File(\\EFI\\cloister\\cloister.efi)" >>"$ENTRIES"
	[ "${HOW:-}" != die ] || kill -9 $PPID
	;;
*" --delete-bootnum "*) sed -i "/^Boot$3/d" "$ENTRIES" ;;
*)
	echo "BootCurrent: 0001"
	cat "$ENTRIES"
	;;
esac
SH
printf '#!/bin/sh\necho update-grub >>"$CALLS"\n' >"$tmp/bin/update-grub"
chmod +x "$tmp/bin/"*

kernel() { # VERSION: as a package would put it there
	head -c 300000 /dev/urandom >"$tree/boot/vmlinuz-$1"
	head -c 500000 /dev/urandom >"$tree/boot/initrd.img-$1"
}

tpm2_table() { # METHOD: how ACPI says that the TPM is reached
	python3 -c 'import struct, sys
sys.stdout.buffer.write(b"TPM2".ljust(48, b"\0") + struct.pack("<I", int(sys.argv[1])))' "$1" \
		>"$tree/sys/firmware/acpi/tables/TPM2"
}
fresh() {
	rm -rf "$tree"
	mkdir -p "$tree"/{etc/default,proc,dev,var/lib,sys/firmware/efi/efivars,sys/class} \
		"$tree"/sys/firmware/acpi/tables "$esp/EFI/debian"
	kernel 6.1.0-9-amd64
	kernel 6.1.0-10-amd64
	echo 'UUID=0123-4567 / ext4 errors=remount-ro 0 1' >"$tree/etc/fstab"
	printf 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=%s\n' \
		"'console=ttyS0 a=b'" >"$tree/etc/default/grub"
	echo shim >"$esp/EFI/debian/shimx64.efi"
	cat >"$tree/proc/cpuinfo" <<'EOF'
processor	: 0
vendor_id	: AuthenticAMD
flags		: fpu aes lm svm npt nrip_save
EOF
	echo 'MemTotal: 16000000 kB' >"$tree/proc/meminfo"
	: >"$tree/sys/firmware/acpi/tables/IVRS"
	mkdir "$tree/sys/class/tpm" "$tree/sys/class/tpm/tpm0"
	echo 2 >"$tree/sys/class/tpm/tpm0/tpm_version_major"
	tpm2_table 7
	printf '\6\0\0\0\0' >"$tree/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	mkdir -p "$tree/etc/systemd/system"
	ln -s /dev/null "$tree/etc/systemd/system/sleep.target"
	# The file system that the ESP is on, as sysfs has it; and as the tree pretends.
	local number
	number=$(printf '%d:%d' "0x$(stat -c %D "$esp" | sed 's/..$//; s/^$/0/')" \
		"0x$(stat -c %D "$esp" | grep -o '..\?$')")
	ln -sfn ../../devices/nvme0n1/nvme0n1p1 "$sys/dev/block/$number"
	mkdir -p "$tree/sys/dev/block" "$tree/sys/devices/sda/sda2"
	ln -s ../../devices/sda/sda2 "$tree/sys/dev/block/$number"
	echo 2 >"$tree/sys/devices/sda/sda2/partition"
	printf 'BootOrder: 0001\nBoot0001* debian\tHD(1)/File(shim)\n' >"$ENTRIES"
	: >"$CALLS"
	before=$(state)
}

# Every name, mode and byte of the tree, and the firmware's entries.
state() {
	(cd "$tree" && find . -printf '%p %M %l\n' | sort && find . -type f -print0 | sort -z |
		xargs -0 sha256sum) | sha256sum
	cat "$ENTRIES"
}
unchanged() { [ "$(state)" = "$before" ]; }

run() { # WORD…: sets code, and what was said to $tmp/out
	{ "${above_sys[@]}" "$@" >"$tmp/out" 2>&1; } 2>/dev/null
	code=$?
}
said() { grep -q -- "$1" "$tmp/out" || { sed 's/^/# /' "$tmp/out"; false; }; }
# refused TEXT WORD…: exit status 1, the reason, and nothing changed
refused() {
	local text=$1 now
	shift
	now=$(state)
	run "$@"
	[ "$code" -eq 1 ] && said "$text" && [ "$(state)" = "$now" ]
}
# As run, without --root, on a machine whose directories are those of the tree, and whose TPM is $TPM.
here() { # WORD…
	mkdir -p "$tmp/dev"
	DEV=$tmp/dev unshare -rm sh -c 'set -e
		for d in boot etc var/lib sys; do
			mount --bind "$0/$d" "/$d"
		done
		mount -t tmpfs none "$DEV"
		mkdir "$DEV/pts"
		mount --bind /dev/pts "$DEV/pts"
		: >"$DEV/null"
		mount --bind /dev/null "$DEV/null"
		ln -s "${TPM:-/nothing}" "$DEV/tpmrm0"
		mount --rbind "$DEV" /dev
		exec "$@"' "$tree" "${node[@]}" "$@" >"$tmp/out" 2>&1
	code=$?
}
uefi=(--root "$tree" --esp /boot/efi --entry efi)
# A tree whose firmware is this machine's: without --entry, entries are not touched.
ours=(--root "$tree" --entry efi)

# ---- check

finding() { # NAME STATE TEXT OPTION…: of check --json
	"${node[@]}" check --root "$tree" --esp /boot/efi --json "${@:4}" >"$tmp/json"
	found "$@"
}
found() { # NAME STATE TEXT
	local got
	got=$(python3 -c 'import json, sys
for c in json.load(open(sys.argv[1]))["checks"]:
    if c["name"] == sys.argv[2]: print(c["state"], c["reason"])' "$tmp/json" "$1")
	case $got in "$2 "*"$3"*) ;; *) echo "# $got"; false ;; esac
}
fresh
check check.changes_nothing eval 'run check --root "$tree" --esp /boot/efi; unchanged'
rm "$tree/sys/firmware/acpi/tables/TPM2"
check check.tpm_without_table finding tpm error "no TPM2 table"
check check.tpm_without_table_unmeasured finding tpm warning "no TPM2 table" --entry grub
rm -r "$tree/sys/class/tpm/tpm0"
run check --root "$tree" --esp /boot/efi
check check.no_tpm_is_an_error eval '[ "$code" -eq 1 ] && finding tpm error "no TPM"'
run check --root "$tree" --entry grub
check check.no_tpm_unmeasured eval '[ "$code" -eq 3 ] && finding tpm warning "no TPM" --entry grub'
check check.cpu finding cpu ok AMD
sed -i 's/ svm//' "$tree/proc/cpuinfo"
check check.svm_off finding cpu error "no SVM"
run check --root "$tree" --esp /boot/efi
check check.error_status [ "$code" -eq 1 ]
sed -i 's/npt//; s/lm/lm svm/' "$tree/proc/cpuinfo"
check check.no_npt finding cpu error NPT
sed -i 's/AuthenticAMD/GenuineIntel/' "$tree/proc/cpuinfo"
check check.intel finding cpu error "not an AMD"
echo 'MemTotal: 500000 kB' >"$tree/proc/meminfo"
check check.memory finding memory error 488
rm "$tree/sys/firmware/acpi/tables/IVRS"
check check.no_iommu finding iommu warning IVRS
printf '\6\0\0\0\1' >"$tree/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
check check.secure_boot finding secure-boot error "not signed"
rm "$tree/etc/systemd/system/sleep.target"
check check.suspend finding suspend warning sleep.target
rm "$tree"/boot/initrd.img-*
check check.no_initrd finding kernel error "no kernel with an initrd"
check check.no_esp eval '"${node[@]}" check --root "$tree" | grep -q "^esp  *error"'

# A TPM on the other end of a terminal, as this machine's. It answers with what is in the environment.
tpm2_table 7
mkdir "$tree/sys/class/tpm/tpm0"
echo 2 >"$tree/sys/class/tpm/tpm0/tpm_version_major"
tpm() { # STATE TEXT PERMANENT [SELECT [SIZE]]
	rm -f "$tmp/tpm"
	python3 - "$tmp/tpm" "$3" "${4:-ffffff}" "${5:-0}" <<'PY' &
import os, pty, struct, sys, tty
us, them = pty.openpty()
tty.setraw(them)
os.symlink(os.ttyname(them), sys.argv[1])
while True:
    command = os.read(us, 4096)
    capability, = struct.unpack_from(">I", command, 10)
    data = struct.pack(">III", 1, 0x200, int(sys.argv[2], 0)) if capability == 6 else \
        struct.pack(">IHB", 1, 11, 3) + bytes.fromhex(sys.argv[3])
    size = 15 + len(data) + int(sys.argv[4])
    os.write(us, struct.pack(">HIIBI", 0x8001, size, 0, 0, capability) + data)
PY
	local tpm=$!
	until [ -e "$tmp/tpm" ] || ! kill -0 "$tpm"; do sleep 0.05; done
	TPM=$(readlink "$tmp/tpm") here check --esp /boot/efi --json
	mv "$tmp/out" "$tmp/json"
	found tpm "$1" "$2"
	local result=$?
	kill "$tpm"
	wait "$tpm" 2>/dev/null
	return "$result"
}
if alone; then
	check check.tpm tpm ok "no owner password" 0
	check check.tpm_owner_password tpm warning "has a password" 1
	check check.tpm_lockout tpm warning "locked out" 0x200
	check check.tpm_no_sha256 tpm warning "SHA-256" 0 000000
	check check.tpm_nonsense tpm unknown "Protocol error" 0 ffffff 1
	check check.tpm_crb tpm ok "(CRB)" 0
	tpm2_table 6
	check check.tpm_fifo tpm ok "(FIFO)" 0
	check check.tpm_fifo_owner_password tpm warning "has a password" 1
	here check --esp /boot/efi --json
	mv "$tmp/out" "$tmp/json"
	check check.tpm_cannot_be_asked found tpm unknown "cannot be asked"
else
	echo "ok check.tpm # SKIP no user and mount namespaces"
fi
tpm2_table 6
check check.tpm_of_another_machine finding tpm unknown "TPM 2.0 (FIFO); on another machine"
for method in 0 1 2 8 9 11 12 263; do
	tpm2_table "$method"
	check "check.tpm_start_method_$method" finding tpm error "start method is $method "
done
rm -r "$tree/sys/class/tpm/tpm0"
check check.tpm_linux_does_not_see finding tpm error "start method is 263 "
mkdir "$tree/sys/class/tpm/tpm0"
echo TPM2 >"$tree/sys/firmware/acpi/tables/TPM2"
echo 2 >"$tree/sys/class/tpm/tpm0/tpm_version_major"
check check.tpm_table_cut finding tpm unknown "too short"
tpm2_table 6
echo 1 >"$tree/sys/class/tpm/tpm0/tpm_version_major"
check check.tpm_table_of_no_tpm_2 finding tpm error "not a TPM 2.0, and the Core does not start"
rm "$tree/sys/firmware/acpi/tables/TPM2"
check check.tpm_12 finding tpm error "not a TPM 2.0, and the Core uses no other: the measured boot"
check check.tpm_12_grub finding tpm warning "not a TPM 2.0, and the Core uses no other: nobody" --entry grub
check check.arguments eval 'run check --what; [ "$code" -eq 2 ]'

# ---- install

if ! alone; then
	echo "ok install # SKIP no user and mount namespaces"
	exit $failed
fi
check install.refuses_bad_machine refused "cannot become a node" install "${uefi[@]}"
for d in etc boot var/lib var; do
	fresh
	mv "$tree/$d" "$tmp/outside"
	ln -s "$tmp/outside" "$tree/$d"
	before=$(find "$tmp/outside" | sort)
	check "install.link_out_of_the_root_$d" refused "leads out of it" install "${uefi[@]}"
	check "install.nothing_outside_$d" [ "$(find "$tmp/outside" | sort)" = "$before" ]
	rm -r "$tmp/outside"
done
fresh
mv "$tree/etc" "$tree/etc-moved"
ln -s etc-moved "$tree/etc"
check install.link_inside_the_root eval 'run install "${uefi[@]}"; [ "$code" -eq 0 ]'
fresh
run install "${uefi[@]}"
check install.works [ "$code" -eq 0 ]
check install.newest_kernel cmp "$tree/boot/vmlinuz-6.1.0-10-amd64" \
	"$esp/cloister/vmlinuz-6.1.0-10-amd64"
check install.its_initrd cmp "$tree/boot/initrd.img-6.1.0-10-amd64" \
	"$esp/cloister/initrd-6.1.0-10-amd64"
check install.image cmp "$build/boot/cloister.efi" "$esp/EFI/cloister/cloister.efi"
check install.says_digest said "$("$build/boot/pe-digest" "$build/boot/cloister.efi")"
cat >"$tmp/want" <<'EOF'
# GRUB Environment Block
kernel=vmlinuz-6.1.0-10-amd64
initrd=initrd-6.1.0-10-amd64
a00=root=UUID=0123-4567
a01=ro
a02=console=ttyS0
a03=a=b
a04=quiet
EOF
check install.arguments cmp "$tmp/want" "$esp/cloister/host.env"
check install.boot_entry grep -qxF 'efibootmgr --quiet --create-only --disk /dev/nvme0n1 --part 1 --label Cloister --loader \EFI\cloister\cloister.efi' "$CALLS"
check install.journal is "$tree/var/lib/cloister/install/manifest.json" \
	'(j["complete"], j["efi"]["number"], len(j["files"]))' "(True, '0007', 7)"
installed=$(state)
run install --root "$tree"
check install.again_changes_nothing eval '[ "$code" -eq 0 ] && [ "$(state)" = "$installed" ]'
check install.again_leaves_firmware_alone said "boot entry  as it was"
check install.other_place refused "uninstall that" install --root "$tree" --esp /efi
check install.other_entry refused "uninstall that" install --root "$tree" --entry none
run install "${ours[@]}" --first
check install.first eval '[ "$code" -eq 0 ] && grep -q "efibootmgr --quiet --create --disk" "$CALLS" &&
	[ "$(grep -c Cloister "$ENTRIES")" -eq 1 ]'

# A kernel update, as Debian's hooks do it.
kernel 6.1.0-11-amd64
sed -i 's/quiet/panic=5/' "$tree/etc/default/grub"
run install --root "$tree" --update
check update.works eval '[ "$code" -eq 0 ] && grep -qx kernel=vmlinuz-6.1.0-11-amd64 "$esp/cloister/host.env" &&
	grep -qx a04=panic=5 "$esp/cloister/host.env"'
check update.old_kernel_goes eval '[ "$(ls "$esp/cloister")" = \
"host.env
initrd-6.1.0-11-amd64
vmlinuz-6.1.0-11-amd64" ]'
printf '#!/bin/sh\nexec "%s" "$@" --root "%s"\n' "$build/bin/cloister" "$tree" >"$tmp/bin/cloister"
chmod +x "$tmp/bin/cloister"
rm "$tree"/boot/*-6.1.0-11-amd64
check update.by_hook eval 'sh "$tree/etc/kernel/postrm.d/zz-cloister" &&
	grep -qx kernel=vmlinuz-6.1.0-10-amd64 "$esp/cloister/host.env"'
rm "$tree"/boot/initrd*
check update.hook_never_fails eval 'sh "$tree/etc/kernel/postrm.d/zz-cloister" 2>"$tmp/out" &&
	said "was not updated" && [ -f "$esp/cloister/vmlinuz-6.1.0-10-amd64" ]'
kernel 6.1.0-10-amd64
run install --root "$tree" --update

# ---- uninstall

echo changed >>"$esp/cloister/host.env"
check uninstall.refuses_changed refused "host.env was changed" uninstall "${ours[@]}"
run install --root "$tree" --update
check install.refuses_changed eval '[ "$code" -eq 1 ] && said "host.env was changed" && grep -qx changed "$esp/cloister/host.env"'
run uninstall "${ours[@]}" --force
check uninstall.force [ "$code" -eq 0 ]
check uninstall.entry_gone eval '! grep -q Cloister "$ENTRIES" && grep -q debian "$ENTRIES"'
check uninstall.nothing_left eval '! find "$tree" -iname "*cloister*" | grep .'
check uninstall.twice refused "nothing is installed" uninstall "${ours[@]}"
check update.without_install refused "node install" install --root "$tree" --update
fresh
run install "${uefi[@]}"
run uninstall "${ours[@]}"
check uninstall.every_byte eval '[ "$code" -eq 0 ] && unchanged'
# As a rescue system mounts it: the tree has no /sys of its own.
rm -r "$tree/sys"
before=$(state)
run install "${uefi[@]}"
check rescue.install eval '[ "$code" -eq 0 ] && grep -q Cloister "$ENTRIES"'
run uninstall "${ours[@]}"
check rescue.uninstall eval '[ "$code" -eq 0 ] && unchanged'
rmdir "$sys/firmware/efi"
run install "${uefi[@]}"
check rescue.by_bios eval '[ "$code" -eq 1 ] && said "boot entries are out of reach" && [ "$(grep -c Cloister "$ENTRIES")" -eq 0 ]'
mkdir "$sys/firmware/efi"
run uninstall "${ours[@]}"
check rescue.by_bios_undone eval '[ "$code" -eq 0 ] && unchanged'
fresh
run install "${uefi[@]}"
echo mine >"$esp/EFI/cloister/notes"
run uninstall "${ours[@]}"
check uninstall.leaves_others_files eval '[ "$code" -eq 0 ] && said "stays" && [ "$(cat "$esp/EFI/cloister/notes")" = mine ]'

# ---- what is not ours, and what cannot be passed on

fresh
mkdir -p "$esp/EFI/cloister"
echo theirs >"$esp/EFI/cloister/cloister.efi"
run install "${uefi[@]}"
check install.foreign_file eval '[ "$code" -eq 1 ] && said "not from an installation" &&
	[ "$(cat "$esp/EFI/cloister/cloister.efi")" = theirs ]'
run uninstall "${ours[@]}"
check install.foreign_file_undone eval '[ "$code" -eq 0 ] && [ "$(cat "$esp/EFI/cloister/cloister.efi")" = theirs ]'
fresh
ln -s "$tree/etc/fstab" "$esp/cloister.efi"
mkdir "$esp/cloister"
ln -s ../../../etc/fstab "$esp/cloister/host.env"
run install "${uefi[@]}"
check install.follows_no_link eval '[ "$code" -eq 1 ] && grep -q ext4 "$tree/etc/fstab"'
arguments() { # LINE TEXT: a line of /etc/default/grub that is refused
	fresh
	echo "$1" >"$tree/etc/default/grub"
	refused "$2" install "${uefi[@]}"
}
check arguments.quotes arguments "GRUB_CMDLINE_LINUX=\"dyndbg='file a +p'\"" "quotes"
check arguments.shell arguments 'GRUB_CMDLINE_LINUX="a=$(id)"' "quotes"
check arguments.two_strings arguments 'GRUB_CMDLINE_LINUX="a"b' "more than one quoted string"
check arguments.open_string arguments 'GRUB_CMDLINE_LINUX="a' "more than one quoted string"
check arguments.too_many arguments "GRUB_CMDLINE_LINUX=\"$(seq -s ' ' 64)\"" "more than 64"
check arguments.too_long arguments "GRUB_CMDLINE_LINUX=\"$(printf 'x%.0s' $(seq 2100))\"" "longer than"
fresh
: >"$tree/etc/fstab"
check arguments.no_root refused "what the root file system is" install "${uefi[@]}"
fresh
echo 'not a PE' >"$tmp/bad.efi"
check install.bad_image refused "no MZ header" install "${uefi[@]}" --image "$tmp/bad.efi"
check install.bad_entry eval 'run install --root "$tree" --entry lilo; [ "$code" -eq 2 ]'

# ---- interrupted

fresh
HOW=fail run install "${uefi[@]}"
check interrupted.entry_fails eval '[ "$code" -eq 1 ] && run uninstall "${ours[@]}" && [ "$code" -eq 0 ] && unchanged'
fresh
HOW=die run install "${uefi[@]}"
check interrupted.killed_with_entry eval '[ "$code" -eq 137 ] && grep -q Cloister "$ENTRIES" &&
	run uninstall "${ours[@]}" && [ "$code" -eq 0 ] && unchanged'
fresh
HOW=die run install "${uefi[@]}"
run install "${uefi[@]}"
check interrupted.goes_on eval '[ "$code" -eq 0 ] && [ "$(grep -c Cloister "$ENTRIES")" -eq 1 ]'
run uninstall "${ours[@]}"
check interrupted.then_uninstalled unchanged

# Killed at each system call that changes the tree: whatever is there, uninstall takes it back, and
# a second installation goes on from there.
killed() { # CALL N: at the Nth such call. False when it ended before.
	{ strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
		"${above_sys[@]}" install "${uefi[@]}" >/dev/null; } 2>/dev/null
	[ "$?" -eq 137 ]
}
every() { # CALL: prints how many places there were; false if one of them is not undone
	local n=0
	while fresh && killed "$1" $((n + 1)); do
		n=$((n + 1))
		if [ $((n % 2)) -eq 0 ]; then
			run install "${uefi[@]}"
			[ "$code" -eq 0 ] || { echo "# $1 $n: does not go on"; sed 's/^/# /' "$tmp/out"; return 1; }
		fi
		run uninstall "${ours[@]}"
		# Killed before the very first step.
		[ ! -d "$tree/var/lib/cloister" ] || rmdir "$tree/var/lib/cloister"
		unchanged || { echo "# $1 $n: not undone"; find "$tree" -iname "*cloister*" | sed 's/^/# /'; return 1; }
	done
	[ "$n" -ge "$2" ] || { echo "# only $n places"; return 1; }
}
if strace -o /dev/null true 2>/dev/null; then
	for call in mkdir:5 rename:20 fsync:20 unlink:20; do
		check "interrupted.${call%:*}" every "${call%:*}" "${call#*:}"
	done
else
	echo "ok interrupted.calls # SKIP strace is missing, or not allowed to trace"
fi

# ---- BIOS

fresh
rm -r "$tree/sys/firmware/efi"
mkdir -p "$tree/etc/grub.d"
before=$(state)
run install --root "$tree" --entry grub
check bios.works eval '[ "$code" -eq 0 ] && said unmeasured'
check bios.leaves_this_machines_menu eval 'said "run .update-grub. on the machine" && [ ! -s "$CALLS" ]'
check bios.files eval 'cmp "$build/core/cloister-core.elf" "$tree/boot/cloister-core.elf" &&
	[ -x "$tree/etc/grub.d/42_cloister" ] && [ ! -d "$esp/cloister" ]'
run uninstall --root "$tree"
check bios.uninstall eval '[ "$code" -eq 0 ] && unchanged &&
	said "run .update-grub. on the machine" && [ ! -s "$CALLS" ]'

# ---- a journal that somebody forged, and links on the way: nothing outside of the tree is touched

out=$tmp/out-of-tree
forge() { # MEMBERS: of the journal, as JSON
	fresh
	rm -rf "$out"
	mkdir -p "$out"/{directory,esp} "$tree/var/lib/cloister/install"
	echo victim >"$out/file"
	: >"$tree/var/lib/cloister/install/lock"
	python3 -c 'import json, sys
json.dump({"version": 1, "files": {}, "directories": []} | json.loads(sys.argv[1]), sys.stdout)' \
		"{$1}" >"$tree/var/lib/cloister/install/manifest.json"
	outside=$(out_state)
}
out_state() { (cd "$out" && find . -printf '%p %M %l\n' | sort && sha256sum file); }
# Each verb ends with 1 and says so; the tree, what is outside and the firmware are as they were.
harmless() { # TEXT
	local words
	for words in uninstall "uninstall --force --entry efi" "install --force" \
		"install --update --force"; do
		: >"$CALLS"
		# shellcheck disable=SC2086
		if ! refused "$1" $words --root "$tree" || [ "$(out_state)" != "$outside" ] ||
			[ -s "$CALLS" ]; then
			echo "# $words"
			return 1
		fi
	done
}
forged() { # MEMBERS
	forge "$1"
	harmless "journal /var/lib/cloister/install/manifest.json is not from an installation of Cloister; move it away"
}
sum=$(echo victim | sha256sum | cut -d' ' -f1)
place='"esp": "/boot/efi", "entry": "none"'
check forged.file forged "$place, \"files\": {\"/../out-of-tree/file\": [\"$sum\"]}"
check forged.directory forged "$place, \"directories\": [\"/../out-of-tree/directory\"]"
check forged.esp forged '"esp": "/../out-of-tree/esp", "entry": "none"'
check forged.esp_and_file forged "\"esp\": \"/boot/../..\", \"entry\": \"none\",
	\"files\": {\"/boot/../../cloister/host.env\": [\"$sum\"]}"
check forged.kernel_name forged "$place, \"files\":
	{\"/boot/efi/cloister/vmlinuz-/../../../../../out-of-tree/file\": [\"$sum\"]}"
check forged.others_file forged "$place, \"files\": {\"/etc/fstab\": [\"$sum\"]}"
check forged.others_directory forged "$place, \"directories\": [\"/dev\"]"
check forged.no_esp forged "\"files\": {\"/cloister/host.env\": [\"$sum\"]}"
for esp_of_journal in / // boot /boot/ /./boot /boot//efi "/$(printf 'x%.0s' $(seq 260))"; do
	check "forged.esp_${esp_of_journal:0:12}" forged "\"esp\": \"$esp_of_journal\", \"entry\": \"none\""
done
check forged.entry forged '"esp": "/boot/efi", "entry": "lilo"'
check forged.types forged "$place, \"files\": {\"/boot/cloister-core.elf\": \"$sum\"}"
check forged.digest forged "$place, \"files\": {\"/boot/cloister-core.elf\": [1]}"
check forged.no_before forged "$place, \"efi\": {\"number\": \"0007\"}"
check forged.number forged "$place, \"efi\": {\"before\": [], \"number\": \"7 -O\"}"
forge "$place"
mv "$tree/var/lib/cloister/install/manifest.json" "$out/file"
ln -s "$out/file" "$tree/var/lib/cloister/install/manifest.json"
outside=$(out_state)
check forged.link harmless "not from an installation"

# The firmware and GRUB's menu are this machine's, whatever the tree says.
forge "$place, \"efi\": {\"before\": [], \"number\": \"0007\"}, \"grub\": true"
echo 'Boot0007* Cloister	HD(1)/File(x)' >>"$ENTRIES"
before=$(cat "$ENTRIES")
run uninstall --root "$tree"
check forged.firmware eval '[ "$code" -eq 0 ] && [ ! -s "$CALLS" ] && [ "$(cat "$ENTRIES")" = "$before" ]'
check forged.says_what_is_left eval 'said "efibootmgr --bootnum 0007 --delete-bootnum" && said "run .update-grub. on"'
forge "\"esp\": \"/boot/efi\", \"entry\": \"efi\", \"efi\": {\"before\": [], \"number\": \"0007\"}"
run install --root "$tree" --first
check forged.firmware_install eval '[ "$code" -eq 0 ] && [ ! -s "$CALLS" ]'
check uninstall.entry_needs_root eval 'run uninstall --entry efi; [ "$code" -eq 2 ]'

linked() { # PATH TARGET TEXT: a link of the tree that leads out of it
	mkdir -p "$(dirname "$tree$1")"
	ln -s "$2" "$tree$1"
	harmless "$3"
}
forge '"esp": "/efi", "entry": "none"'
check linked.esp linked /efi "$out/esp" "/efi leads out of it"
for d in /EFI /cloister /EFI/cloister; do
	forge "$place"
	rm -rf "$esp/EFI"
	check "linked.$d" linked "/boot/efi$d" "$out/directory" "is not a directory; move it away"
	forge "$place"
	rm -rf "$esp/EFI"
	check "linked.inside_$d" linked "/boot/efi$d" "$(realpath "$tree")/etc" "is not a directory; move it away"
done
# What is read there may be anything, too.
forge "$place"
mkdir -p "$tree/dev"
ln -s "$out/file" "$tree/dev/tpmrm0"
check linked.tpm eval 'run check --root "$tree" --esp /boot/efi; [ "$(out_state)" = "$outside" ]'
for f in etc/fstab etc/default/grub proc/cpuinfo sys/class/tpm/tpm0/tpm_version_major; do
	fresh
	mkdir -p "$(dirname "$tree/$f")"
	rm -f "$tree/$f"
	mkfifo "$tree/$f"
	for words in "check" "install --entry none"; do
		# shellcheck disable=SC2086
		timeout 20 "${node[@]}" $words --root "$tree" --esp /boot/efi >"$tmp/out" 2>&1
		code=$?
		check "fifo.${words%% *}_$(basename "$f")" [ "$code" -ne 124 ]
	done
done
fresh
mkdir "$tmp/elsewhere"
mv "$tree/etc/default/grub" "$tmp/elsewhere/grub"
ln -s "$tmp/elsewhere/grub" "$tree/etc/default/grub"
check linked.grub eval 'run install "${uefi[@]}"; [ "$code" -eq 0 ] && ! grep -q quiet "$esp/cloister/host.env"'
check install.esp_plain eval 'run install --root "$tree" --esp /boot/../boot/efi; [ "$code" -eq 2 ] && said "not an absolute path"'

# ---- this machine itself, whose directories are those of the tree

fresh
mkdir -p "$tree/etc/grub.d"
before=$(state)
here install --entry grub --force
check here.grub eval '[ "$code" -eq 0 ] && said unmeasured && grep -qx update-grub "$CALLS"'
: >"$CALLS"
here uninstall
check here.grub_uninstall eval '[ "$code" -eq 0 ] && grep -qx update-grub "$CALLS" && unchanged'
here install --esp /boot/efi --entry efi --force
check here.efi eval '[ "$code" -eq 0 ] && grep -q Cloister "$ENTRIES"'
here uninstall
check here.efi_uninstall eval '[ "$code" -eq 0 ] && unchanged'
here install --esp /boot/efi --entry efi --force
mv "$esp/cloister" "$tree/etc/moved"
ln -s "$tree/etc/moved" "$esp/cloister"
before=$(state)
here install --update
check here.link_on_esp eval '[ "$code" -eq 1 ] && said "is not a directory; move it away" && unchanged'
exit $failed
