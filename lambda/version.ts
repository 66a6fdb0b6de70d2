/** The version of this package, as audit logs see it in the user agent. */
export const VERSION = '0.1.0';
