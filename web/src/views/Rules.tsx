export const Rules = () => <h1>Rules</h1>;
