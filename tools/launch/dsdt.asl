/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSDT of a zone: one PCI root bridge with fixed windows and fixed interrupt routing, and S5.
 * No OperationRegion and no method that touches hardware: nothing the host says is ever read.
 */
DefinitionBlock ("", "DSDT", 2, "CLSTR ", "CLOISTER", 1)
{
	/* ICH9 PM1: SLP_TYP 0 is soft off in QEMU (hw/acpi/core.c). */
	Name (\_S5, Package (4) { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))	/* PCI Express root bridge */
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_BBN, 0)
			Name (_SEG, 0)

			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0x0000, 0x0000, 0x00FF, 0x0000, 0x0100)
				/* The configuration ports, used by the bridge itself. */
				IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0D00, 0xFFFF, 0x0000, 0xF300)
				/* Behind the ECAM, up to the IOAPIC. */
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0x00000000, 0xC0000000, 0xFEBFFFFF, 0x00000000, 0x3EC00000)
				/* Above all RAM that a zone can have, and below the C-bit (bit 39). */
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					Cacheable, ReadWrite,
					0x0000000000000000, 0x0000001400000000, 0x0000007FFFFFFFFF,
					0x0000000000000000, 0x0000006C00000000)
			})

			/*
			 * INTx, for what has no MSI-X. Slots 0-24 use PIRQE-H = GSI 20-23, rotated
			 * by slot; slot 31 (the ICH9's own functions) PIRQA-D = GSI 16-19 (QEMU,
			 * hw/isa/lpc_ich9.c, D<n>IR as at reset). `cloister` puts nothing higher
			 * than slot 7.
			 */
			Name (_PRT, Package ()
			{
				Package () { 0x0001FFFF, 0, 0, 21 },
				Package () { 0x0001FFFF, 1, 0, 22 },
				Package () { 0x0001FFFF, 2, 0, 23 },
				Package () { 0x0001FFFF, 3, 0, 20 },
				Package () { 0x0002FFFF, 0, 0, 22 },
				Package () { 0x0002FFFF, 1, 0, 23 },
				Package () { 0x0002FFFF, 2, 0, 20 },
				Package () { 0x0002FFFF, 3, 0, 21 },
				Package () { 0x0003FFFF, 0, 0, 23 },
				Package () { 0x0003FFFF, 1, 0, 20 },
				Package () { 0x0003FFFF, 2, 0, 21 },
				Package () { 0x0003FFFF, 3, 0, 22 },
				Package () { 0x0004FFFF, 0, 0, 20 },
				Package () { 0x0004FFFF, 1, 0, 21 },
				Package () { 0x0004FFFF, 2, 0, 22 },
				Package () { 0x0004FFFF, 3, 0, 23 },
				Package () { 0x0005FFFF, 0, 0, 21 },
				Package () { 0x0005FFFF, 1, 0, 22 },
				Package () { 0x0005FFFF, 2, 0, 23 },
				Package () { 0x0005FFFF, 3, 0, 20 },
				Package () { 0x0006FFFF, 0, 0, 22 },
				Package () { 0x0006FFFF, 1, 0, 23 },
				Package () { 0x0006FFFF, 2, 0, 20 },
				Package () { 0x0006FFFF, 3, 0, 21 },
				Package () { 0x0007FFFF, 0, 0, 23 },
				Package () { 0x0007FFFF, 1, 0, 20 },
				Package () { 0x0007FFFF, 2, 0, 21 },
				Package () { 0x0007FFFF, 3, 0, 22 },
				Package () { 0x001FFFFF, 0, 0, 16 },
				Package () { 0x001FFFFF, 1, 0, 17 },
				Package () { 0x001FFFFF, 2, 0, 18 },
				Package () { 0x001FFFFF, 3, 0, 19 }
			})
		}
	}
}
