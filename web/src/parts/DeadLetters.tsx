/** DeadLetters are what could not be processed, where the server tells of them. */
export const DeadLetters = () => null;
