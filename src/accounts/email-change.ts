/** Another account holds the address; whatever was to give it to this one must roll back. */
export class AddressTaken extends Error {}
